import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, PASSWORD, startAuthorizationServer } from '../support/authorization-server.js';
import { WebBrowser } from '../support/web-browser.js';

/** Every flow with a client that others wrote. */
describe('oauth4webapi', () => {
  let server: AuthorizationServer;
  let as: oauth.AuthorizationServer;
  let username: string;
  const insecure = { [oauth.allowInsecureRequests]: true };

  beforeAll(async () => {
    server = await startAuthorizationServer();
    username = (await server.newUser()).username;
    const issuer = new URL(server.origin);
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
    as = await oauth.processDiscoveryResponse(issuer, response);
  });
  afterAll(() => server.close());

  async function signIn(client: oauth.Client, clientAuth: oauth.ClientAuth) {
    const form = { username, password: PASSWORD };
    const response = await oauth.genericTokenEndpointRequest(as, client, clientAuth, 'password', form, insecure);
    return oauth.processGenericTokenEndpointResponse(as, client, response);
  }

  it.each([
    ['Basic', oauth.ClientSecretBasic],
    ['the body', oauth.ClientSecretPost],
  ])('signs in, refreshes, introspects and revokes, its secret in %s', async (_where, authentication) => {
    const { client: registered, secret } = await server.newClient({ id: `app ${_where}: 1%`, secret: 'p+q/r=s t%20' });
    const client: oauth.Client = { client_id: registered.id };
    const clientAuth = authentication(secret ?? '');
    const first = await signIn(client, clientAuth);
    expect(first.token_type).toBe('bearer');

    const refreshing = await oauth.refreshTokenGrantRequest(
      as,
      client,
      clientAuth,
      first.refresh_token ?? '',
      insecure,
    );
    const second = await oauth.processRefreshTokenResponse(as, client, refreshing);
    expect(second.access_token).not.toBe(first.access_token);

    const introspect = async () => {
      const response = await oauth.introspectionRequest(as, client, clientAuth, second.access_token, insecure);
      return oauth.processIntrospectionResponse(as, client, response);
    };
    expect(await introspect()).toMatchObject({ active: true, username });

    const revoking = await oauth.revocationRequest(as, client, clientAuth, second.access_token, insecure);
    expect(await oauth.processRevocationResponse(revoking)).toBeUndefined();
    expect(await introspect()).toEqual({ active: false });
  });

  it('signs in as a public client', async () => {
    const { client } = await server.newClient({ isPublic: true });
    const tokens = await signIn({ client_id: client.id }, oauth.None());
    expect(tokens.refresh_token).toBeDefined();
  });

  it('signs in with an authorization code, its state, issuer and verifier checked', async () => {
    const redirectUri = 'http://127.0.0.1/callback';
    const { client: registered } = await server.newClient({
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [redirectUri],
      isPublic: true,
    });
    const client: oauth.Client = { client_id: registered.id };
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
    const url = new URL(as.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: 'http://127.0.0.1:51234/callback',
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString();
    const browser = new WebBrowser([server.origin]);
    const consent = await browser.press(await browser.open(url), 'sign-in', { username, password: PASSWORD });
    const { url: answer } = await browser.press(consent, 'allow');
    const parameters = oauth.validateAuthResponse(as, client, answer, state);
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      oauth.None(),
      parameters,
      'http://127.0.0.1:51234/callback',
      verifier,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response);
    expect(await server.tokens.authenticate(tokens.access_token)).toMatchObject({ user: { username } });
  });

  it('gets a token for the client itself', async () => {
    const { client: registered, secret } = await server.newClient();
    const client: oauth.Client = { client_id: registered.id };
    const clientAuth = oauth.ClientSecretBasic(secret ?? '');
    const form = { scope: 'read' };
    const response = await oauth.clientCredentialsGrantRequest(as, client, clientAuth, form, insecure);
    const tokens = await oauth.processClientCredentialsResponse(as, client, response);
    expect(tokens).toMatchObject({ scope: 'read', expires_in: 36_000 });
    expect(tokens).not.toHaveProperty('refresh_token');
  });

  it('reads the errors of both kinds', async () => {
    const { client: registered, secret } = await server.newClient({ grants: ['client_credentials'] });
    const client: oauth.Client = { client_id: registered.id };
    await expect(signIn(client, oauth.ClientSecretPost(secret ?? ''))).rejects.toMatchObject({
      error: 'unauthorized_client',
      status: 400,
    });
    await expect(signIn(client, oauth.ClientSecretBasic('wrong'))).rejects.toMatchObject({
      status: 401,
      cause: [{ scheme: 'basic' }],
    });
  });
});
