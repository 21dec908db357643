import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryAttemptStore } from '../../src/domain/credentials/memory-attempt-store.js';
import {
  type AuthorizationServer,
  basic,
  members,
  PASSWORD,
  startAuthorizationServer,
  type TestClient,
} from '../support/authorization-server.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { WebBrowser } from '../support/web-browser.js';

/** RFC 6749 §4.3.2 and §10.10: guessing passwords and secrets has to be hard. */
describe('Guessing', () => {
  const servers: AuthorizationServer[] = [];
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  /** What failed before is in the server's own store, unless it is given one. */
  async function start(options: Parameters<typeof startAuthorizationServer>[1]) {
    const server = await startAuthorizationServer({}, { database, ...options });
    servers.push(server);
    return server;
  }
  const signIn = (server: AuthorizationServer, app: TestClient, username: string, password: string) =>
    server.post('/oauth/token/', { grant_type: 'password', username, password, ...app.credentials });
  const statuses = async (responses: Promise<Response>[]) => (await Promise.all(responses)).map(({ status }) => status);

  async function expectTooMany(response: Response) {
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await members(response)).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'Too many attempts that failed. Please try again later.',
    });
  }

  it('a password is answered with 429 and Retry-After after ten failures, also when it is right then', async () => {
    const server = await start({ attemptLimits: { perAccount: 10 } });
    const app = await server.newClient();
    const { username } = await server.newUser();
    for (let count = 0; count < 10; count += 1)
      expect((await signIn(server, app, username, `wrong ${count}`)).status).toBe(400);
    await expectTooMany(await signIn(server, app, username, 'wrong'));
    await expectTooMany(await signIn(server, app, username, PASSWORD));
    expect((await signIn(server, app, (await server.newUser()).username, PASSWORD)).status).toBe(200);
  });

  it('looks the same for a user who is not there', async () => {
    const server = await start({ attemptLimits: { perAccount: 3 } });
    const app = await server.newClient();
    const { username } = await server.newUser();
    const answers = async (name: string) => {
      const seen: unknown[] = [];
      for (let count = 0; count < 4; count += 1) {
        const response = await signIn(server, app, name, 'wrong');
        seen.push([response.status, response.headers.get('retry-after'), await response.text()]);
      }
      return seen;
    };
    expect(await answers('nobody')).toEqual(await answers(username));
  });

  it('is no quicker with many requests at once', async () => {
    const server = await start({ attemptLimits: { perAccount: 5 } });
    const app = await server.newClient();
    const { username } = await server.newUser();
    const seen = await statuses(
      Array.from({ length: 60 }, (_, count) => signIn(server, app, username, `wrong ${count}`)),
    );
    // Those whose hashes ran when the last free one failed.
    expect(seen.filter((status) => status === 400).length).toBeLessThanOrEqual(5 + 3);
    expect(seen.every((status) => status === 400 || status === 429)).toBe(true);
  });

  it('counts over all processes', async () => {
    // Redis stands between real processes: see the tests of the store.
    const attemptStore = new MemoryAttemptStore();
    const options = { attemptStore, attemptLimits: { perAccount: 4 } };
    const [one, two] = [await start(options), await start(options)];
    const app = await one.newClient();
    const { username } = await one.newUser();
    for (const server of [one, two, one, two]) await signIn(server, app, username, 'wrong');
    await expectTooMany(await signIn(one, app, username, PASSWORD));
    await expectTooMany(await signIn(two, app, username, PASSWORD));
  });

  it('many accounts from one address ends too', async () => {
    const server = await start({ attemptLimits: { perAddress: 6 } });
    const app = await server.newClient();
    for (let count = 0; count < 6; count += 1) await signIn(server, app, `user ${count}`, 'wrong');
    await expectTooMany(await signIn(server, app, (await server.newUser()).username, PASSWORD));
  });

  it('a chosen client secret ends, at every endpoint', async () => {
    const server = await start({ attemptLimits: { perClient: 3 } });
    const { client } = await server.newClient({ secret: 'battery staple' });
    const form = { grant_type: 'client_credentials', token: 'x' };
    for (const path of ['/oauth/token/', '/oauth/revoke_token/', '/oauth/introspect/'])
      expect((await server.post(path, form, basic(client.id, 'wrong'))).status).toBe(401);
    for (const path of ['/oauth/token/', '/oauth/revoke_token/', '/oauth/introspect/'])
      await expectTooMany(await server.post(path, form, basic(client.id, 'battery staple')));
  });

  it('a generated client secret locks its owner out never', async () => {
    const server = await start({ attemptLimits: { perClient: 3 } });
    const { client, secret } = await server.newClient();
    const form = { grant_type: 'client_credentials' };
    const ask = (guess: string) => server.post('/oauth/token/', form, basic(client.id, guess));
    for (let count = 0; count < 3; count += 1) expect((await ask('wrong')).status).toBe(401);
    await expectTooMany(await ask('wrong'));
    expect((await ask(secret ?? '')).status).toBe(200);
  });

  it('a public client is locked out by nobody: a secret for it is wrong and counts for the address alone', async () => {
    const server = await start({ attemptLimits: { perClient: 2, perAddress: 4 } });
    const { client } = await server.newClient({ isPublic: true, grants: ['password', 'refresh_token'] });
    const { username } = await server.newUser();
    const wrong = () => server.post('/oauth/revoke_token/', { token: 'x' }, basic(client.id, 'made up'));
    const own = () => server.post('/oauth/revoke_token/', { token: 'x', client_id: client.id });
    for (let count = 0; count < 4; count += 1) {
      const response = await wrong();
      expect([response.status, (await members(response)).error]).toEqual([401, 'invalid_client']);
    }
    await expectTooMany(await wrong());
    expect((await own()).status).toBe(200);
    expect(await server.signInService.authenticate(username, PASSWORD, '198.51.100.7')).toBeDefined();
  });

  it('a chosen client secret from one network keeps its owner out of no other', async () => {
    const server = await start({ attemptLimits: { perClient: 3 } });
    const { client } = await server.newClient({ secret: 'battery staple' });
    for (let count = 0; count < 3; count += 1) await server.clients.authenticate(client.id, 'wrong', '203.0.113.66');
    await expect(server.clients.authenticate(client.id, 'battery staple', '203.0.113.66:99')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(await server.clients.authenticate(client.id, 'battery staple', '198.51.100.7')).toBeDefined();
  });

  it('an account from one network keeps its owner out of no other', async () => {
    const server = await start({ attemptLimits: { perAccount: 3 } });
    const { username } = await server.newUser();
    for (let count = 0; count < 3; count += 1)
      await server.signInService.authenticate(username, 'wrong', `203.0.113.66:${40_000 + count}`);
    await expect(server.signInService.authenticate(username, PASSWORD, '203.0.113.66')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(await server.signInService.authenticate(username, PASSWORD, '198.51.100.7')).toBeDefined();
  });

  it('on the authorization page is told so, with 429 and Retry-After', async () => {
    const server = await start({ attemptLimits: { perAccount: 2 } });
    const { client } = await server.newClient({
      grants: ['authorization_code'],
      redirectUris: ['https://app.example/'],
    });
    const browser = new WebBrowser([server.origin]);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    let page = await browser.open(`${server.origin}/oauth/authorize/?${query}`);
    for (let count = 0; count < 2; count += 1)
      page = await browser.press(page, 'sign-in', { username: 'ann', password: 'wrong' });
    page = await browser.press(page, 'sign-in', { username: 'ann', password: 'wrong' });
    expect(page.status).toBe(429);
    expect(page.headers.get('retry-after')).toBe('1');
    expect(page.text).toContain('Too many attempts that failed.');
  });

  it('the current password of an open session ends too', async () => {
    const server = await start({ attemptLimits: { perAccount: 2 } });
    const app = await server.newClient();
    const { username } = await server.newUser();
    const { access } = await server.signIn(app.credentials, username);
    const viewer = await server.tokens.authenticate(access);
    if (!viewer) throw new Error('Nobody signed in.');
    const change = (current: string) => server.users.changePassword(viewer, current, 'another password');
    for (let count = 0; count < 2; count += 1)
      await expect(change('wrong')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    await expect(change(PASSWORD)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    // Whoever has one session keeps the owner out of no other one.
    const another = await server.signIn(app.credentials, username);
    const owner = await server.tokens.authenticate(another.access);
    if (!owner) throw new Error('Nobody signed in.');
    await server.users.changePassword(owner, PASSWORD, 'another password');
  });

  it('is not what fifty people do who sign in at once', async () => {
    const server = await start({ attemptLimits: { perAccount: 10, perAddress: 300, perClient: 60 } });
    const app = await server.newClient();
    const users = await Promise.all(Array.from({ length: 50 }, () => server.newUser()));
    const seen = await statuses(users.map(({ username }) => signIn(server, app, username, PASSWORD)));
    expect(seen).toEqual(Array(50).fill(200));
  });
});
