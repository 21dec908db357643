import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  members,
  PASSWORD,
  startAuthorizationServer,
  type TestClient,
  tokenPair,
} from '../support/authorization-server.js';

const REDIRECT_URI = 'https://app.example/callback';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');

/** RFC 6749 §4.1.3, RFC 7636 §4.5 and §4.6, RFC 9700 §2.1.1. */
describe('The authorization_code grant', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let userId: string;
  let username: string;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    const grants = ['authorization_code', 'refresh_token'];
    app = await server.newClient({ grants, redirectUris: [REDIRECT_URI] });
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    server.revoked.splice(0);
    ({ id: userId, username } = await server.newUser());
  });

  async function newCode(more: { redirectUri?: string | null; clientId?: string } = {}): Promise<string> {
    const browserSession = (await server.browserSessions.start(userId, 0)) ?? '';
    const code = await server.tokens.createCode({
      browserSession,
      clientId: app.client.id,
      redirectUri: REDIRECT_URI,
      scopes: ['read'],
      codeChallenge: challengeOf(VERIFIER),
      ...more,
    });
    if (!code) throw new Error('No code was made.');
    return code;
  }

  const redeem = (code: string, more: Record<string, string> = {}, less: readonly string[] = []) => {
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
      ...app.credentials,
      ...more,
    };
    return server.post(
      '/oauth/token/',
      Object.entries(form).filter(([name]) => !less.includes(name)),
    );
  };
  const answer = async (response: Response) => ({ status: response.status, error: (await members(response)).error });
  const refused = { status: 400, error: 'invalid_grant' };

  it('gives tokens of the user who agreed, with the scopes agreed to', async () => {
    const response = await redeem(await newCode());
    expect(response.status).toBe(200);
    const { access } = await tokenPair(response.clone());
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^cat_/),
      expires_in: 36_000,
      token_type: 'Bearer',
      scope: 'read',
      refresh_token: expect.stringMatching(/^crt_/),
    });
    expect(await server.tokens.authenticate(access)).toMatchObject({ user: { username }, clientId: app.client.id });
  });

  it('refuses the second use of a code and ends what the first one got', async () => {
    const code = await newCode();
    const { access, refresh } = await tokenPair(await redeem(code));
    const viewer = await server.tokens.authenticate(access);
    expect(await answer(await redeem(code))).toEqual(refused);
    expect(await server.tokens.authenticate(access)).toBeUndefined();
    expect(await answer(await server.refresh(app.credentials, refresh))).toEqual(refused);
    expect(server.revoked).toEqual([viewer?.familyId]);
  });

  it('notices a second use also when the code has long expired and was cleared away', async () => {
    const code = await newCode();
    const { access } = await tokenPair(await redeem(code));
    await server.db.pool.query('UPDATE authorization_codes SET expires_at = now() - make_interval(secs => 1)');
    await server.tokens.deleteExpired();
    expect(await answer(await redeem(code))).toEqual(refused);
    expect(await server.tokens.authenticate(access)).toBeUndefined();
  });

  it('gives tokens to one of twenty requests at once, and in the end to none', async () => {
    const code = await newCode();
    const responses = await Promise.all(Array.from({ length: 20 }, () => redeem(code)));
    const good = responses.filter(({ status }) => status === 200);
    expect(good).toHaveLength(1);
    for (const response of good) {
      const { access } = await tokenPair(response);
      expect(await server.tokens.authenticate(access)).toBeUndefined();
    }
  });

  it('refuses a code after 60 seconds', async () => {
    const code = await newCode();
    const { rows } = await server.db.pool.query(
      'SELECT extract(epoch FROM expires_at - created_at)::float AS s FROM authorization_codes WHERE consumed_at IS NULL',
    );
    for (const { s } of rows) expect(s).toBeCloseTo(60, 0);
    await server.db.pool.query('UPDATE authorization_codes SET expires_at = now() - make_interval(secs => 1)');
    expect(await answer(await redeem(code))).toEqual(refused);
  });

  it.each([
    ['a wrong verifier', { code_verifier: VERIFIER.replace('d', 'e') }],
    ['a verifier that is too short', { code_verifier: 'short' }],
    ['the challenge itself for a verifier', { code_verifier: challengeOf(VERIFIER) }],
    ['another redirect URI', { redirect_uri: `${REDIRECT_URI}/` }],
    ['an unknown code', { code: `cac_${'A'.repeat(43)}` }],
    ['a code of another form', { code: 'abc' }],
  ])('refuses %s, and leaves the code as it is', async (_, more) => {
    const code = await newCode();
    expect(await answer(await redeem(code, more))).toEqual(refused);
    expect((await redeem(code)).status).toBe(200);
  });

  it('asks for the redirect URI again when the code was given with one, and not otherwise', async () => {
    expect(await answer(await redeem(await newCode(), {}, ['redirect_uri']))).toEqual(refused);
    expect((await redeem(await newCode({ redirectUri: null }), {}, ['redirect_uri'])).status).toBe(200);
  });

  it.each(['code', 'code_verifier'])('asks for a missing %s', async (name) => {
    const response = await redeem(await newCode(), {}, [name]);
    expect(response.status).toBe(400);
    expect(await members(response)).toMatchObject({
      error: 'invalid_request',
      error_description: `Request is missing ${name} parameter.`,
    });
  });

  it('refuses the code of another client, whose it stays', async () => {
    const other = await server.newClient({ grants: ['authorization_code'], redirectUris: [REDIRECT_URI] });
    const code = await newCode();
    expect(await answer(await redeem(code, other.credentials))).toEqual(refused);
    expect((await redeem(code)).status).toBe(200);
  });

  it('serves a public client by its verifier alone', async () => {
    const spa = await server.newClient({
      isPublic: true,
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [REDIRECT_URI],
    });
    const code = await newCode({ clientId: spa.client.id });
    expect((await redeem(code, spa.credentials, ['client_secret'])).status).toBe(200);
  });

  it('refuses a client without the grant', async () => {
    const other = await server.newClient();
    expect(await answer(await redeem('x', other.credentials))).toEqual({ status: 400, error: 'unauthorized_client' });
  });

  it('gives nothing for a code once the user is deactivated or has another password', async () => {
    const first = await newCode();
    await server.users.setPassword(username, 'another password');
    expect(await answer(await redeem(first))).toEqual(refused);
    const browserSession = (await server.browserSessions.start(userId, 1)) ?? '';
    expect(browserSession).not.toBe('');
    const second = await server.tokens.createCode({
      browserSession,
      clientId: app.client.id,
      redirectUri: null,
      scopes: ['read'],
      codeChallenge: challengeOf(VERIFIER),
    });
    await server.users.update(userId, { isActive: false });
    expect(await answer(await redeem(second ?? '', {}, ['redirect_uri']))).toEqual(refused);
    expect(await server.browserSessions.find(browserSession)).toBeUndefined();
  });

  it('starts nothing on the word of a password that changed since it was checked', async () => {
    const signedIn = await server.signInService.authenticate(username, PASSWORD);
    await server.users.setPassword(username, 'another password');
    const family = { clientId: app.client.id, userId, scopes: ['read'] as const, withRefreshToken: true };
    const { passwordVersion } = signedIn ?? {};
    expect(passwordVersion).toBe(0);
    expect(await server.tokens.issue({ ...family, passwordVersion })).toBeUndefined();
    expect(await server.browserSessions.start(userId, passwordVersion)).toBeUndefined();
  });
});
