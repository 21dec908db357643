import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  startAuthorizationServer,
  type TestClient,
} from '../support/authorization-server.js';
import { freePort } from '../support/free-port.js';
import { CLIENT, type Claims, startOidcProvider } from '../support/oidc-provider.js';
import { linksOf, WebBrowser, type WebPage } from '../support/web-browser.js';

const REDIRECT_URI = 'https://app.example/callback';
const CHALLENGE = createHash('sha256').update('x'.repeat(43)).digest('base64url');

function authorizeUrl(server: AuthorizationServer, app: TestClient): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: app.client.id,
    redirect_uri: REDIRECT_URI,
    state: 'abc',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  });
  return `${server.origin}/oauth/authorize/?${query}`;
}

const newApp = (server: AuthorizationServer) =>
  server.newClient({ grants: ['authorization_code', 'refresh_token'], redirectUris: [REDIRECT_URI] });

describe('Signing in through a real OpenID Connect provider', () => {
  const accounts = new Map<string, Claims>();
  let provider: Awaited<ReturnType<typeof startOidcProvider>>;
  let server: AuthorizationServer;
  let app: TestClient;

  beforeAll(async () => {
    const port = await freePort();
    provider = await startOidcProvider(`http://127.0.0.1:${port}/oauth/external/office/callback/`, accounts);
    const settings = { clientId: CLIENT.id, clientSecret: CLIENT.secret, issuer: provider.issuer };
    server = await startAuthorizationServer(
      {},
      { port, externalProviders: [{ kind: 'oidc', key: 'office', label: 'Office', ...settings }] },
    );
    app = await newApp(server);
  });
  afterAll(async () => {
    await server.close();
    await provider.close();
  });

  const newBrowser = () => new WebBrowser([server.origin, provider.issuer]);
  /** The consent page of ours, after signing in as `login` on the provider's pages. */
  async function signIn(login: string, browser = newBrowser()): Promise<WebPage> {
    const start = linksOf(await browser.open(authorizeUrl(server, app))).get('Sign in with Office');
    let page = await browser.open(start ?? '');
    expect(page.url.origin).toBe(provider.issuer);
    page = await browser.press(page, '', { login, password: 'any' });
    return page.url.origin === provider.issuer ? browser.press(page, '') : page;
  }
  const user = (username: string) => server.db.prisma.user.findUnique({ where: { username } });

  it('creates a user without a password, who agrees and whom the client gets', async () => {
    accounts.set('1', {
      preferred_username: 'zoe',
      email: 'zoe@example.org',
      email_verified: true,
      given_name: 'Zoe',
      family_name: 'Doe',
    });
    const browser = newBrowser();
    const consent = await signIn('1', browser);
    expect(consent.text).toContain('signed in as <strong>zoe</strong>');
    expect(await user('zoe')).toMatchObject({
      passwordHash: null,
      role: 'user',
      isActive: true,
      email: 'zoe@example.org',
      firstName: 'Zoe',
      lastName: 'Doe',
    });
    const { url } = await browser.press(consent, 'allow');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ code: expect.any(String), state: 'abc' });
  });

  it('finds the user again by issuer and subject, whatever else changed', async () => {
    accounts.set('2', { preferred_username: 'yan' });
    await signIn('2');
    accounts.set('2', { preferred_username: 'another name', email: 'new@example.org' });
    expect((await signIn('2')).text).toContain('signed in as <strong>yan</strong>');
    expect(await server.db.prisma.externalIdentity.findMany({ where: { subject: '2' } })).toHaveLength(1);
  });

  it('takes over no existing account, although name and e-mail address are the same', async () => {
    const old = await server.users.create({ username: 'Max', password: 'long enough', email: 'max@example.org' });
    accounts.set('3', { preferred_username: 'max', email: 'max@example.org', email_verified: true });
    expect((await signIn('3')).text).toContain('signed in as <strong>max-2</strong>');
    expect((await user('max-2'))?.id).not.toBe(old.id);
  });

  it('makes a username of what there is, and keeps no address that is not verified', async () => {
    accounts.set('4', { email: 'will.i.am@example.org', email_verified: false, name: 'Will <I> Am!' });
    expect((await signIn('4')).text).toContain('signed in as <strong>WillIAm</strong>');
    expect(await user('WillIAm')).toMatchObject({ email: null });
    accounts.set('5', { email: 'vera@example.org' });
    expect((await signIn('5')).text).toContain('signed in as <strong>vera</strong>');
    accounts.set('6', {});
    expect((await signIn('6')).text).toMatch(/signed in as <strong>user-[a-z0-9]{8}<\/strong>/);
  });

  it('lets nobody in whose user was deactivated', async () => {
    accounts.set('7', { preferred_username: 'una' });
    await signIn('7');
    const { id } = (await user('una')) ?? { id: '' };
    await server.users.update(id, { isActive: false });
    const page = await signIn('7');
    expect(page.status).toBe(400);
    expect(page.text).toContain('You are not signed in');
    expect(linksOf(page).get('Back')?.href).toBe(authorizeUrl(server, app));
  });

  it('gives such a user no sign-in by any password', async () => {
    accounts.set('8', { preferred_username: 'tom' });
    await signIn('8');
    expect(await server.signInService.authenticate('tom', '')).toBeUndefined();
  });

  it('uses PKCE, a state and a nonce, and refuses a callback to another browser', async () => {
    const browser = newBrowser();
    const start = linksOf(await browser.open(authorizeUrl(server, app))).get('Sign in with Office');
    const sent = new URL((await browser.fetch(start ?? '')).headers.get('location') ?? '');
    expect(Object.fromEntries(sent.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{20,}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      scope: 'openid profile email',
    });
    const callback = `${server.origin}/oauth/external/office/callback/?code=x&state=${sent.searchParams.get('state')}`;
    const stranger = await newBrowser().fetch(callback);
    expect(stranger.status).toBe(400);
    expect(await stranger.text()).toContain('This page is too old');
    const forged = await browser.fetch(`${server.origin}/oauth/external/office/callback/?code=x&state=forged`);
    expect(forged.status).toBe(400);
    expect(await forged.text()).toContain('You are not signed in');
  });

  it('says so when the provider refuses, and leads back', async () => {
    const browser = newBrowser();
    const start = linksOf(await browser.open(authorizeUrl(server, app))).get('Sign in with Office');
    await browser.fetch(start ?? '');
    const page = await browser.open(`${server.origin}/oauth/external/office/callback/?error=access_denied&state=x`);
    expect(page.status).toBe(400);
    expect(page.text).toContain('Signing in with Office did not work');
  });

  it('writes no code, token or verifier to the log', () => {
    const log = server.log.join('');
    expect(log).not.toMatch(/code_verifier|id_token|eyJ/);
    expect(log).not.toContain(CLIENT.secret);
  });
});

/** A provider that says whatever the test wants. */
describe('An ID token', () => {
  let provider: Server;
  let issuer: string;
  let server: AuthorizationServer;
  let app: TestClient;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let nonce = '';
  let change: (claims: JWTPayload) => JWTPayload | string = (claims) => claims;
  let sign: (claims: JWTPayload) => Promise<string>;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const json = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (request.url === '/.well-known/openid-configuration')
      return json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
      });
    if (request.url === '/keys')
      return json({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256' }] });
    const now = Math.floor(Date.now() / 1000);
    const claims = change({ iss: issuer, aud: 'chat', sub: 'ann', iat: now, exp: now + 60, nonce });
    const idToken = typeof claims === 'string' ? claims : await sign(claims);
    return json({ access_token: 'x', token_type: 'Bearer', ...(idToken && { id_token: idToken }) });
  };

  beforeAll(async () => {
    keys = await generateKeyPair('ES256');
    sign = (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(keys.privateKey);
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    provider = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => provider.listen(port, '127.0.0.1', resolve));
    server = await startAuthorizationServer(
      {},
      {
        externalProviders: [
          { kind: 'oidc', key: 'office', label: 'Office', issuer, clientId: 'chat', clientSecret: 's' },
        ],
      },
    );
    app = await newApp(server);
  });
  afterAll(async () => {
    await server.close();
    provider.close();
  });
  beforeEach(() => {
    change = (claims) => claims;
  });

  async function comeBack(more = ''): Promise<WebPage> {
    const browser = new WebBrowser([server.origin]);
    const start = linksOf(await browser.open(authorizeUrl(server, app))).get('Sign in with Office');
    const sent = new URL((await browser.fetch(start ?? '')).headers.get('location') ?? '');
    nonce = sent.searchParams.get('nonce') ?? '';
    const state = sent.searchParams.get('state') ?? '';
    return browser.open(`${server.origin}/oauth/external/office/callback/?code=x&state=${state}${more}`);
  }

  it('that is right lets its subject in', async () => {
    expect((await comeBack(`&iss=${encodeURIComponent(issuer)}`)).text).toMatch(
      /signed in as <strong>user-[a-z0-9]{8}<\/strong>/,
    );
  });

  it('is not asked for when another issuer answered (RFC 9207)', async () => {
    expect((await comeBack('&iss=https://evil.example')).status).toBe(400);
  });

  const unsigned = (claims: JWTPayload) =>
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
  it.each<[string, (claims: JWTPayload) => JWTPayload | string]>([
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['for another client', (claims) => ({ ...claims, aud: 'other' })],
    [
      'for several clients, of which another was meant',
      (claims) => ({ ...claims, aud: ['chat', 'other'], azp: 'other' }),
    ],
    ['for several clients, none named', (claims) => ({ ...claims, aud: ['chat', 'other'] })],
    ['that has expired', (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1000) - 120 })],
    ['without an end', ({ exp: _, ...claims }) => claims],
    ['of another sign-in', (claims) => ({ ...claims, nonce: 'other' })],
    ['without a nonce', ({ nonce: _, ...claims }) => claims],
    ['without a subject', ({ sub: _, ...claims }) => claims],
    ['that nobody signed', unsigned],
    ['that is no token', () => 'rubbish'],
    ['that is missing', () => ''],
  ])('%s lets nobody in', async (_, wrong) => {
    change = wrong;
    const page = await comeBack();
    expect(page.status).toBe(400);
    expect(page.text).toContain('You are not signed in');
  });

  it('signed by another key, or with the client’s secret, lets nobody in', async () => {
    const right = sign;
    const other = await generateKeyPair('ES256');
    const secret = new TextEncoder().encode('s'.padEnd(32, 's'));
    for (const forge of [
      (claims: JWTPayload) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(other.privateKey),
      (claims: JWTPayload) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k' }).sign(secret),
    ]) {
      sign = forge;
      expect((await comeBack()).status).toBe(400);
    }
    sign = right;
    expect((await comeBack()).status).toBe(200);
  });
});

describe('A provider that is away', () => {
  let server: AuthorizationServer;
  afterEach(() => server.close());

  it('keeps nobody from the page and from signing in otherwise', async () => {
    server = await startAuthorizationServer(
      {},
      {
        externalProviders: [
          {
            kind: 'oidc',
            key: 'office',
            label: 'Office',
            issuer: 'http://127.0.0.1:1',
            clientId: 'chat',
            clientSecret: 's',
          },
        ],
      },
    );
    const browser = new WebBrowser([server.origin]);
    const first = await browser.open(authorizeUrl(server, await newApp(server)));
    expect(first.status).toBe(200);
    const page = await browser.open(linksOf(first).get('Sign in with Office') ?? '');
    expect(page.status).toBe(400);
    expect(page.text).toContain('Signing in with Office did not work');
  });
});

describe('Signing in through GitHub', () => {
  let github: Server;
  let site: string;
  let server: AuthorizationServer;

  beforeAll(async () => {
    const port = await freePort();
    site = `http://127.0.0.1:${port}`;
    github = createServer((request, response) => {
      const json = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
      if (request.url === '/login/oauth/access_token') json({ access_token: 'gho_x', token_type: 'bearer', scope: '' });
      else if (request.url === '/user' && request.headers.authorization === 'Bearer gho_x')
        json({ id: 583231, login: 'octo-cat', name: 'Octo Cat', email: null });
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => github.listen(port, '127.0.0.1', resolve));
    server = await startAuthorizationServer(
      {},
      { externalProviders: [{ kind: 'github', clientId: 'chat', clientSecret: 's', site, api: site }] },
    );
  });
  afterAll(async () => {
    await server.close();
    github.close();
  });

  it('knows a user by GitHub’s number, with PKCE and a state', async () => {
    const browser = new WebBrowser([server.origin]);
    const start = linksOf(await browser.open(authorizeUrl(server, await newApp(server)))).get('Sign in with GitHub');
    const sent = new URL((await browser.fetch(start ?? '')).headers.get('location') ?? '');
    expect(sent.origin + sent.pathname).toBe(`${site}/login/oauth/authorize`);
    expect(sent.searchParams.get('code_challenge_method')).toBe('S256');
    expect(sent.searchParams.get('redirect_uri')).toBe(`${server.origin}/oauth/external/github/callback/`);
    const state = sent.searchParams.get('state') ?? '';
    const page = await browser.open(`${server.origin}/oauth/external/github/callback/?code=x&state=${state}`);
    expect(page.text).toContain('signed in as <strong>octo-cat</strong>');
    expect(await server.db.prisma.externalIdentity.findMany()).toMatchObject([{ issuer: site, subject: '583231' }]);
  });
});
