import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  members,
  startAuthorizationServer,
  type TestClient,
  tokenPair,
} from '../support/authorization-server.js';

/** RFC 6749 §6, RFC 9700 §4.14.2, and the wire contract's rules for a refresh token that comes twice. */
describe('The refresh_token grant', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let username: string;
  beforeAll(async () => {
    server = await startAuthorizationServer();
  });
  afterAll(() => server.close());

  /** A sign-in with nothing of the tests before it. */
  async function start() {
    server.revoked.splice(0);
    app = await server.newClient();
    username = (await server.newUser()).username;
    return server.signIn(app.credentials, username);
  }
  const refresh = (token: string, more?: Record<string, string>) => server.refresh(app.credentials, token, more);
  const answers = async (response: Response) => ({ status: response.status, error: (await members(response)).error });
  const refused = { status: 400, error: 'invalid_grant' };
  const isAlive = async (accessToken: string) => (await server.tokens.authenticate(accessToken)) !== undefined;

  it('gives a new pair and ends the old access token', async () => {
    const first = await start();
    const response = await refresh(first.refresh);
    expect(response.status).toBe(200);
    const second = await tokenPair(response.clone());
    expect(await members(response)).toMatchObject({ expires_in: 36_000, token_type: 'Bearer', scope: 'read write' });
    expect(second.access).not.toBe(first.access);
    expect(second.refresh).not.toBe(first.refresh);
    expect(await isAlive(first.access)).toBe(false);
    expect(await isAlive(second.access)).toBe(true);
  });

  it('stays in the family, so that the sockets of a sign-in stay open', async () => {
    const first = await start();
    const before = await server.tokens.authenticate(first.access);
    const second = await tokenPair(await refresh(first.refresh));
    const after = await server.tokens.authenticate(second.access);
    expect(after?.familyId).toBe(before?.familyId);
    expect(server.revoked).toEqual([]);
  });

  it('repeats its answer when it may have been lost', async () => {
    const first = await start();
    const second = await tokenPair(await refresh(first.refresh));
    expect(await tokenPair(await refresh(first.refresh))).toEqual(second);
    expect(await isAlive(second.access)).toBe(true);
    expect((await refresh(second.refresh)).status).toBe(200);
  });

  it('makes one chain of fifty requests at once', async () => {
    const first = await start();
    const responses = await Promise.all(Array.from({ length: 50 }, () => refresh(first.refresh)));
    const pairs = await Promise.all(responses.map(tokenPair));
    expect(new Set(pairs.map((pair) => JSON.stringify(pair))).size).toBe(1);
    const [second] = pairs;
    expect(await isAlive(second?.access ?? '')).toBe(true);
    const family = { clientId: app.client.id };
    const alive = await server.db.prisma.accessToken.count({ where: { family, revokedAt: null } });
    const usable = await server.db.prisma.refreshToken.count({ where: { family, consumedAt: null } });
    expect({ alive, usable }).toEqual({ alive: 1, usable: 1 });
  });

  it('ends the family of a token that comes again after the grace time', async () => {
    const first = await start();
    const second = await tokenPair(await refresh(first.refresh));
    await server.db.pool.query(`UPDATE refresh_tokens SET consumed_at = consumed_at - interval '11 seconds'
      WHERE consumed_at IS NOT NULL`);
    expect(await answers(await refresh(first.refresh))).toEqual(refused);
    expect(await isAlive(second.access)).toBe(false);
    expect(await answers(await refresh(second.refresh))).toEqual(refused);
    expect(server.revoked).toHaveLength(1);
  });

  it('ends the family of a token whose successor has been used, within the grace time too', async () => {
    const first = await start();
    const second = await tokenPair(await refresh(first.refresh));
    const third = await tokenPair(await refresh(second.refresh));
    expect(await answers(await refresh(first.refresh))).toEqual(refused);
    expect(await isAlive(third.access)).toBe(false);
    expect(await answers(await refresh(third.refresh))).toEqual(refused);
  });

  it('refuses the token of another client and leaves it as it is', async () => {
    const first = await start();
    const other = await server.newClient();
    expect(await answers(await server.refresh(other.credentials, first.refresh))).toEqual(refused);
    expect(await isAlive(first.access)).toBe(true);
    expect((await refresh(first.refresh)).status).toBe(200);
  });

  it('refuses a used token of another client without ending the family', async () => {
    const first = await start();
    const second = await tokenPair(await refresh(first.refresh));
    await refresh(second.refresh);
    const other = await server.newClient();
    expect(await answers(await server.refresh(other.credentials, first.refresh))).toEqual(refused);
    expect(server.revoked).toEqual([]);
  });

  it('refuses wider scopes and leaves the token as it is', async () => {
    const { access, refresh: narrow } = await start();
    expect(await answers(await refresh(narrow, { scope: 'read introspection' }))).toEqual({
      status: 400,
      error: 'invalid_scope',
    });
    expect(await isAlive(access)).toBe(true);
    expect((await refresh(narrow)).status).toBe(200);
  });

  it('narrows the access token when asked to, and not what may be asked for next time', async () => {
    const first = await start();
    const narrowed = await refresh(first.refresh, { scope: 'read' });
    const second = await tokenPair(narrowed.clone());
    expect((await members(narrowed)).scope).toBe('read');
    expect((await members(await refresh(second.refresh))).scope).toBe('read write');
  });

  it('refuses a token that is expired, revoked, unknown, malformed, or an access token', async () => {
    const first = await start();
    expect(await answers(await refresh(first.access))).toEqual(refused);
    for (const token of [`crt_${'A'.repeat(43)}`, 'crt_short', 'x', '\0', 'x'.repeat(8000)])
      expect(await answers(await refresh(token))).toEqual(refused);
    await server.db.pool.query('UPDATE refresh_tokens SET expires_at = now() - make_interval(secs => 1)');
    expect(await answers(await refresh(first.refresh))).toEqual(refused);
    const second = await server.signIn(app.credentials, username);
    await server.tokens.revoke(second.access, app.client.id);
    expect(await answers(await refresh(second.refresh))).toEqual(refused);
  });

  it('refuses the token of a user who was deactivated', async () => {
    const first = await start();
    await server.db.prisma.user.update({ where: { username }, data: { isActive: false } });
    expect(await answers(await refresh(first.refresh))).toEqual(refused);
  });
});

describe('The refresh_token grant with lifetimes', () => {
  let server: AuthorizationServer;
  beforeAll(async () => {
    server = await startAuthorizationServer({ refreshTokenSeconds: 600, refreshTokenAbsoluteSeconds: 1000 });
  });
  afterAll(() => server.close());

  async function start() {
    const { credentials } = await server.newClient();
    return { credentials, ...(await server.signIn(credentials, (await server.newUser()).username)) };
  }
  const age = (seconds: number) =>
    server.db.pool.query(
      `WITH a AS (UPDATE token_families SET created_at = created_at - make_interval(secs => $1))
       UPDATE refresh_tokens SET expires_at = expires_at - make_interval(secs => $1)`,
      [seconds],
    );

  it('refuses a refresh token that lay unused too long', async () => {
    const { credentials, refresh } = await start();
    await age(601);
    expect((await server.refresh(credentials, refresh)).status).toBe(400);
  });

  it('refuses to go on once the sign-in is too old, however often it was refreshed', async () => {
    const first = await start();
    await age(500);
    const second = await tokenPair(await server.refresh(first.credentials, first.refresh));
    await age(450);
    const third = await tokenPair(await server.refresh(first.credentials, second.refresh));
    expect(third.refresh).not.toBe('');
    await age(51);
    const answer = await server.refresh(first.credentials, third.refresh);
    expect({ status: answer.status, ...(await members(answer)) }).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    });
  });
});

describe('The refresh_token grant without a grace time', () => {
  let server: AuthorizationServer;
  beforeAll(async () => {
    server = await startAuthorizationServer({ refreshGraceSeconds: 0 });
  });
  afterAll(() => server.close());

  it('lets one of twenty requests at once through and ends the family for the others', async () => {
    const { credentials } = await server.newClient();
    const { refresh } = await server.signIn(credentials, (await server.newUser()).username);
    const responses = await Promise.all(Array.from({ length: 20 }, () => server.refresh(credentials, refresh)));
    const statuses = responses.map((response) => response.status).sort();
    expect(statuses).toEqual([200, ...Array<number>(19).fill(400)]);
    expect(server.revoked).toHaveLength(1);
  });
});
