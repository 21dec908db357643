import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  basic,
  members,
  startAuthorizationServer,
  type TestClient,
  tokenPair,
} from '../support/authorization-server.js';

/** RFC 7009, and where the wire contract is stricter than django-oauth-toolkit. */
describe('POST /oauth/revoke_token/', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let username: string;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    app = await server.newClient();
    username = (await server.newUser()).username;
  });
  afterAll(() => server.close());

  const revoke = (token: string, credentials = app.credentials) =>
    server.post('/oauth/revoke_token/', { token, ...credentials });
  const isAlive = async (accessToken: string) => (await server.tokens.authenticate(accessToken)) !== undefined;

  async function expectDone(response: Response) {
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(response.headers.get('cache-control')).toBe('no-store');
  }

  it.each(['access', 'refresh'] as const)('ends both tokens of a pair by its %s token', async (kind) => {
    const pair = await server.signIn(app.credentials, username);
    await expectDone(await revoke(pair[kind]));
    expect(await isAlive(pair.access)).toBe(false);
    expect((await server.refresh(app.credentials, pair.refresh)).status).toBe(400);
  });

  it('ends the family by a token that was rotated away', async () => {
    const first = await server.signIn(app.credentials, username);
    const second = await tokenPair(await server.refresh(app.credentials, first.refresh));
    await expectDone(await revoke(first.access));
    expect(await isAlive(second.access)).toBe(false);
  });

  it('tells once which family ended', async () => {
    const pair = await server.signIn(app.credentials, username);
    const viewer = await server.tokens.authenticate(pair.access);
    await expectDone(await revoke(pair.refresh));
    await expectDone(await revoke(pair.refresh));
    expect(server.revoked.filter((familyId) => familyId === viewer?.familyId)).toHaveLength(1);
  });

  it('leaves other sign-ins of the user alone', async () => {
    const [one, other] = [
      await server.signIn(app.credentials, username),
      await server.signIn(app.credentials, username),
    ];
    await expectDone(await revoke(one.refresh));
    expect(await isAlive(other.access)).toBe(true);
  });

  it("answers 200 to another client's token and does nothing", async () => {
    const pair = await server.signIn(app.credentials, username);
    const other = await server.newClient();
    await expectDone(await revoke(pair.access, other.credentials));
    await expectDone(await revoke(pair.refresh, other.credentials));
    expect(await isAlive(pair.access)).toBe(true);
  });

  it('answers 200 to any string', async () => {
    for (const token of ['x', `cat_${'A'.repeat(43)}`, '\0', '💬', 'x'.repeat(8000)])
      await expectDone(await revoke(token));
  });

  it('takes no notice of a wrong token_type_hint', async () => {
    for (const token_type_hint of ['refresh_token', 'unheard_of']) {
      const pair = await server.signIn(app.credentials, username);
      await expectDone(
        await server.post('/oauth/revoke_token', { token: pair.access, token_type_hint, ...app.credentials }),
      );
      expect(await isAlive(pair.access)).toBe(false);
    }
  });

  it('asks for a missing token', async () => {
    const response = await server.post('/oauth/revoke_token/', app.credentials);
    expect(response.status).toBe(400);
    expect(await members(response)).toEqual({
      error: 'invalid_request',
      error_description: 'Missing token parameter.',
    });
  });

  it('refuses a bad client with 401 and leaves the token alone', async () => {
    const pair = await server.signIn(app.credentials, username);
    const wrongSecret = await revoke(pair.access, { ...app.credentials, client_secret: 'wrong' });
    expect(wrongSecret.status).toBe(401);
    expect((await members(wrongSecret)).error).toBe('invalid_client');
    expect(wrongSecret.headers.get('www-authenticate')).toBe('Bearer error="invalid_client"');
    const byBasic = await server.post('/oauth/revoke_token/', { token: pair.access }, basic('nobody', 'x'));
    expect(byBasic.status).toBe(401);
    expect(byBasic.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(await isAlive(pair.access)).toBe(true);
  });

  it('lets a public client revoke its own tokens by its name', async () => {
    const { credentials } = await server.newClient({ isPublic: true });
    const pair = await server.signIn(credentials, username);
    await expectDone(await revoke(pair.refresh, credentials));
    expect(await isAlive(pair.access)).toBe(false);
  });
});
