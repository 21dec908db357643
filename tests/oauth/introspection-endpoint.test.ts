import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  members,
  startAuthorizationServer,
  type TestClient,
  tokenPair,
} from '../support/authorization-server.js';

/** RFC 7662. */
describe('POST /oauth/introspect/', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let user: { id: string; username: string };

  beforeAll(async () => {
    server = await startAuthorizationServer();
    app = await server.newClient();
    user = await server.newUser();
  });
  afterAll(() => server.close());

  const introspect = (token: string, credentials = app.credentials, headers: Record<string, string> = {}) =>
    server.post('/oauth/introspect/', { token, ...credentials }, headers);
  const inactive = { active: false };

  it('describes an access token to its client', async () => {
    const { access } = await server.signIn(app.credentials, user.username);
    const response = await introspect(access);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await members(response);
    expect(body).toEqual({
      active: true,
      scope: 'read write',
      client_id: app.client.id,
      username: user.username,
      sub: user.id,
      token_type: 'Bearer',
      iat: expect.any(Number),
      exp: expect.any(Number),
    });
    expect(Number(body.exp) - Number(body.iat)).toBe(36_000);
    expect(Math.abs(Number(body.iat) - Date.now() / 1000)).toBeLessThan(60);
  });

  it('tells which chats a token is narrowed to', async () => {
    const chatIds = [crypto.randomUUID(), crypto.randomUUID()];
    const family = { clientId: app.client.id, userId: user.id, scopes: ['read'], withRefreshToken: false } as const;
    const narrowed = await server.tokens.issue({ ...family, chatIds });
    expect(await members(await introspect(narrowed?.accessToken ?? ''))).toMatchObject({
      active: true,
      chats: chatIds,
    });
    const wide = await server.tokens.issue(family);
    expect(await members(await introspect(wide?.accessToken ?? ''))).not.toHaveProperty('chats');
  });

  it('names no user for a token that a client has for itself', async () => {
    const form = { grant_type: 'client_credentials', ...app.credentials };
    const { access } = await tokenPair(await server.post('/oauth/token/', form));
    const body = await members(await introspect(access));
    expect(body).toMatchObject({ active: true, client_id: app.client.id });
    expect(body).not.toHaveProperty('sub');
    expect(body).not.toHaveProperty('username');
  });

  it('finds the token whatever token_type_hint says', async () => {
    const pair = await server.signIn(app.credentials, user.username);
    for (const [token, token_type_hint] of [
      [pair.access, 'refresh_token'],
      [pair.refresh, 'access_token'],
      [pair.access, 'unheard_of'],
    ] as const) {
      const response = await server.post('/oauth/introspect/', { token, token_type_hint, ...app.credentials });
      expect(await members(response)).toMatchObject({ active: true });
    }
  });

  it('describes a refresh token until it is used', async () => {
    const { refresh } = await server.signIn(app.credentials, user.username);
    expect(await members(await introspect(refresh))).toMatchObject({ active: true, client_id: app.client.id });
    await server.refresh(app.credentials, refresh);
    expect(await members(await introspect(refresh))).toEqual(inactive);
  });

  it('says of unknown, foreign, revoked, expired and deactivated tokens that they are inactive, and nothing else', async () => {
    const foreign = await server.newClient();
    const gone = await server.newUser();
    const of = (credentials: Record<string, string>, username = user.username) => server.signIn(credentials, username);
    const revoked = await of(app.credentials);
    await server.tokens.revoke(revoked.access, app.client.id);
    const deactivated = await of(app.credentials, gone.username);
    await server.db.prisma.user.update({ where: { id: gone.id }, data: { isActive: false } });
    const tokens = ['x', (await of(foreign.credentials)).access, revoked.access, deactivated.access];
    for (const token of tokens) expect(await members(await introspect(token))).toEqual(inactive);
    const expired = await of(app.credentials);
    await server.db.pool.query('UPDATE access_tokens SET expires_at = now() - make_interval(secs => 1)');
    expect(await members(await introspect(expired.access))).toEqual(inactive);
  });

  it('describes any token to a resource server with a token of the scope introspection', async () => {
    const { access } = await server.signIn(app.credentials, user.username);
    const guard = await server.newClient({ grants: ['client_credentials'], scopes: ['introspection'] });
    const form = { grant_type: 'client_credentials', ...guard.credentials };
    const pair = await tokenPair(await server.post('/oauth/token/', form));
    const response = await introspect(access, {}, { authorization: `Bearer ${pair.access}` });
    expect(await members(response)).toMatchObject({ active: true, username: user.username });
  });

  it('refuses a Bearer token without the scope with 403, and a bad one with 401', async () => {
    const { access } = await server.signIn(app.credentials, user.username);
    const without = await introspect(access, {}, { authorization: `Bearer ${access}` });
    expect(without.status).toBe(403);
    expect(without.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    const bad = await introspect(access, {}, { authorization: 'Bearer x' });
    expect(bad.status).toBe(401);
    expect(bad.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('refuses a bad client, a public client and nobody with 401 invalid_client', async () => {
    const { credentials } = await server.newClient({ isPublic: true });
    for (const attempt of [{ ...app.credentials, client_secret: 'wrong' }, credentials, {}]) {
      const response = await server.post('/oauth/introspect/', { token: 'x', ...attempt });
      expect(response.status).toBe(401);
      expect((await members(response)).error).toBe('invalid_client');
    }
  });

  it('asks for a missing token', async () => {
    const response = await server.post('/oauth/introspect/', app.credentials);
    expect(response.status).toBe(400);
    expect((await members(response)).error_description).toBe('Missing token parameter.');
  });
});
