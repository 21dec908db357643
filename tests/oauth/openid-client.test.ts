import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, PASSWORD, startAuthorizationServer } from '../support/authorization-server.js';
import { WebBrowser } from '../support/web-browser.js';

const REDIRECT_URI = 'https://app.example/callback';

/** A client that others wrote, which finds everything by the server's metadata and checks every answer. */
describe('openid-client', () => {
  let server: AuthorizationServer;
  let username: string;
  let confidential: client.Configuration;
  let publicClient: client.Configuration;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    username = (await server.newUser()).username;
    const grants = ['authorization_code', 'refresh_token', 'password', 'client_credentials'];
    const web = await server.newClient({ grants, redirectUris: [REDIRECT_URI] });
    const spa = await server.newClient({
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [REDIRECT_URI],
      isPublic: true,
    });
    const discover = (id: string, authentication: client.ClientAuth) =>
      client.discovery(new URL(server.origin), id, undefined, authentication, {
        algorithm: 'oauth2',
        execute: [client.allowInsecureRequests],
      });
    confidential = await discover(web.client.id, client.ClientSecretBasic(web.secret ?? ''));
    publicClient = await discover(spa.client.id, client.None());
  });
  afterAll(() => server.close());

  /** Signs in and agrees in a browser; the address it was sent back to. */
  async function authorize(configuration: client.Configuration, parameters: Record<string, string>): Promise<URL> {
    const browser = new WebBrowser([server.origin]);
    const page = await browser.open(client.buildAuthorizationUrl(configuration, parameters));
    const consent = await browser.press(page, 'sign-in', { username, password: PASSWORD });
    return (await browser.press(consent, 'allow')).url;
  }

  async function signIn(configuration: client.Configuration) {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = await authorize(configuration, {
      redirect_uri: REDIRECT_URI,
      scope: 'read write',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
    });
    return client.authorizationCodeGrant(configuration, url, { pkceCodeVerifier: verifier, expectedState: state });
  }

  it('finds out by the metadata that PKCE and iss are supported', () => {
    const metadata = confidential.serverMetadata();
    expect(metadata.supportsPKCE('S256')).toBe(true);
    expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
  });

  it('signs in with a code, refreshes, introspects and revokes', async () => {
    const tokens = await signIn(confidential);
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 36_000, scope: 'read write' });
    expect(await server.tokens.authenticate(tokens.access_token)).toMatchObject({ user: { username } });
    expect(await client.tokenIntrospection(confidential, tokens.access_token)).toMatchObject({
      active: true,
      username,
    });
    const next = await client.refreshTokenGrant(confidential, tokens.refresh_token ?? '');
    expect(next.access_token).not.toBe(tokens.access_token);
    await client.tokenRevocation(confidential, next.refresh_token ?? '');
    expect(await client.tokenIntrospection(confidential, next.access_token)).toEqual({ active: false });
    await expect(client.refreshTokenGrant(confidential, next.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
  });

  it('signs in as a public client, refreshes and revokes', async () => {
    const tokens = await signIn(publicClient);
    const next = await client.refreshTokenGrant(publicClient, tokens.refresh_token ?? '');
    await client.tokenRevocation(publicClient, next.access_token);
    expect(await server.tokens.authenticate(next.access_token)).toBeUndefined();
  });

  it('gets a token for itself', async () => {
    const tokens = await client.clientCredentialsGrant(confidential, { scope: 'read' });
    expect(tokens).toMatchObject({ scope: 'read' });
    expect(tokens.refresh_token).toBeUndefined();
  });

  it('signs in with a password', async () => {
    const tokens = await client.genericGrantRequest(confidential, 'password', { username, password: PASSWORD });
    expect(await server.tokens.authenticate(tokens.access_token)).toMatchObject({ user: { username } });
  });

  it('learns why an authorization was refused', async () => {
    const verifier = client.randomPKCECodeVerifier();
    const browser = new WebBrowser([server.origin]);
    const page = await browser.open(
      client.buildAuthorizationUrl(confidential, {
        redirect_uri: REDIRECT_URI,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }),
    );
    const { url } = await browser.press(page, 'deny');
    await expect(
      client.authorizationCodeGrant(confidential, url, { pkceCodeVerifier: verifier }),
    ).rejects.toMatchObject({ error: 'access_denied' });
  });
});
