import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bots } from '../../src/domain/people/bots.js';
import {
  type AuthorizationServer,
  basic,
  members,
  PASSWORD,
  startAuthorizationServer,
  type TestClient,
} from '../support/authorization-server.js';

/** Row by row, the table "What django-oauth-toolkit 2.4 answers, and so do we" of the wire contract. */
describe('POST /oauth/token/', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let username: string;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    app = await server.newClient();
    username = (await server.newUser()).username;
  });
  afterAll(() => server.close());

  const password = (more: Record<string, string> = {}) => ({
    grant_type: 'password',
    username,
    password: PASSWORD,
    ...app.credentials,
    ...more,
  });
  const without = (name: string) => Object.fromEntries(Object.entries(password()).filter(([key]) => key !== name));

  async function expectRefusal(response: Response, status: number, error: string, description?: string) {
    const body = await members(response);
    expect({ status: response.status, error: body.error }).toEqual({ status, error });
    expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
    if (description) expect(body.error_description).toBe(description);
    expect(Object.keys(body).sort()).toEqual(['error', 'error_description']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('pragma')).toBe('no-cache');
    return response;
  }

  it('answers a right password with the five members and forbids caching', async () => {
    const response = await server.post('/oauth/token/', password());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('pragma')).toBe('no-cache');
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^cat_[\w-]{43}$/),
      expires_in: 36_000,
      token_type: 'Bearer',
      scope: 'read write',
      refresh_token: expect.stringMatching(/^crt_[\w-]{43}$/),
    });
  });

  it('answers with and without the trailing slash', async () => {
    const response = await fetch(`${server.origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(password()),
      redirect: 'error',
    });
    expect(response.status).toBe(200);
  });

  it('takes multipart/form-data', async () => {
    const body = new FormData();
    for (const [name, value] of Object.entries(password())) body.append(name, value);
    const response = await fetch(`${server.origin}/oauth/token/`, { method: 'POST', body });
    expect(response.status).toBe(200);
  });

  it('authenticates the client by percent-decoded HTTP Basic', async () => {
    const id = 'app:one %+';
    const secret = 'sec:ret %41+';
    await server.newClient({ id, secret });
    const form = { grant_type: 'client_credentials' };
    expect((await server.post('/oauth/token/', form, basic(id, secret))).status).toBe(200);
  });

  it('lets a public client name itself', async () => {
    const { credentials } = await server.newClient({ isPublic: true });
    expect(Object.keys(credentials)).toEqual(['client_id']);
    expect((await server.signIn(credentials, username)).refresh).toMatch(/^crt_/);
  });

  it('gives no refresh token to a client that may not use one', async () => {
    const { credentials } = await server.newClient({ grants: ['password'] });
    const response = await server.post('/oauth/token/', {
      grant_type: 'password',
      username,
      password: PASSWORD,
      ...credentials,
    });
    expect(await members(response)).not.toHaveProperty('refresh_token');
  });

  it('answers wrong password, unknown user, inactive user and a user without a password alike', async () => {
    const inactive = await server.newUser();
    await server.users.update(inactive.id, { isActive: false });
    const external = await server.newUser();
    await server.db.prisma.user.update({ where: { id: external.id }, data: { passwordHash: null } });
    const attempts = [
      password({ password: 'not the password' }),
      password({ username: 'nobody' }),
      password({ username: inactive.username }),
      password({ username: external.username }),
    ];
    const seen = new Set<string>();
    for (const attempt of attempts) {
      const response = await server.post('/oauth/token/', attempt);
      await expectRefusal(response.clone(), 400, 'invalid_grant', 'Invalid credentials given.');
      const headers = [...response.headers].filter(([name]) => name !== 'date');
      seen.add(JSON.stringify([headers, await response.text()]));
    }
    expect(seen.size).toBe(1);
  });

  it('spends the time of a password hash on an unknown user', async () => {
    const milliseconds = async (form: Record<string, string>) => {
      const start = performance.now();
      await (await server.post('/oauth/token/', form)).text();
      return performance.now() - start;
    };
    let [wrongPassword, unknownUser, impossibleUser] = [Infinity, Infinity, Infinity];
    for (let round = 0; round < 7; round += 1) {
      wrongPassword = Math.min(wrongPassword, await milliseconds(password({ password: 'not the password' })));
      unknownUser = Math.min(unknownUser, await milliseconds(password({ username: 'nobody' })));
      impossibleUser = Math.min(impossibleUser, await milliseconds(password({ username: 'no\0body' })));
    }
    // An answer without a hash takes a tenth of one with it.
    expect(unknownUser).toBeGreaterThan(wrongPassword / 2);
    expect(impossibleUser).toBeGreaterThan(wrongPassword / 2);
  });

  it.each(['username', 'password', 'grant_type'])('asks for a missing %s', async (name) => {
    const response = await server.post('/oauth/token/', without(name));
    await expectRefusal(response, 400, 'invalid_request', `Request is missing ${name} parameter.`);
  });

  it('counts an empty parameter as missing', async () => {
    const response = await server.post('/oauth/token/', password({ password: '' }));
    await expectRefusal(response, 400, 'invalid_request', 'Request is missing password parameter.');
  });

  it('asks for a missing refresh_token', async () => {
    const response = await server.post('/oauth/token/', { grant_type: 'refresh_token', ...app.credentials });
    await expectRefusal(response, 400, 'invalid_request');
  });

  it.each(['magic', 'implicit', 'constructor', '__proto__', 'urn:ietf:params:oauth:grant-type:device_code'])(
    'does not support the grant type %s',
    async (grant_type) => {
      const response = await server.post('/oauth/token/', password({ grant_type }));
      await expectRefusal(response, 400, 'unsupported_grant_type');
    },
  );

  it('refuses a JSON body', async () => {
    const response = await fetch(`${server.origin}/oauth/token/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(password()),
    });
    await expectRefusal(response, 400, 'invalid_request');
  });

  it('refuses an unknown client, a wrong or missing secret and no client with 401 and a Bearer challenge', async () => {
    const id = app.client.id;
    const attempts: Record<string, string>[] = [
      { client_id: 'nobody', client_secret: 'x' },
      { client_id: id, client_secret: 'x' },
      { client_id: id },
      { client_secret: app.secret ?? '' },
      { client_id: 'caf\u00e9', client_secret: 'x' },
      { client_id: 'a'.repeat(500), client_secret: 'x' },
      {},
    ];
    for (const credentials of attempts) {
      const form = { grant_type: 'client_credentials', ...credentials };
      const response = await expectRefusal(await server.post('/oauth/token/', form), 401, 'invalid_client');
      expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_client"');
    }
  });

  it('refuses a secret for a public client, which has none', async () => {
    const { client } = await server.newClient({ isPublic: true });
    const response = await server.post('/oauth/token/', password({ client_id: client.id, client_secret: 'x' }));
    await expectRefusal(response, 401, 'invalid_client');
  });

  it('answers a failed HTTP Basic with 401 and a Basic challenge', async () => {
    const encode = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    for (const header of [
      basic(app.client.id, 'wrong'),
      basic('nobody', 'x'),
      encode('no colon'),
      encode(':no id'),
      encode(`${app.client.id}:%zz`),
      { authorization: 'Basic' },
      { authorization: 'Basic ???' },
    ]) {
      const form = { grant_type: 'client_credentials' };
      const response = await expectRefusal(await server.post('/oauth/token/', form, header), 401, 'invalid_client');
      expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    }
  });

  it('refuses two ways of client authentication, but lets the body repeat the name', async () => {
    const header = basic(app.client.id, app.secret ?? '');
    const form = { grant_type: 'client_credentials' };
    await expectRefusal(await server.post('/oauth/token/', password(), header), 400, 'invalid_request');
    const other = await server.post('/oauth/token/', { ...form, client_id: 'other' }, header);
    await expectRefusal(other, 400, 'invalid_request');
    expect((await server.post('/oauth/token/', { ...form, client_id: app.client.id }, header)).status).toBe(200);
  });

  it('takes no notice of a Bearer token that a client sends along', async () => {
    const response = await server.post('/oauth/token/', password(), { authorization: 'Bearer stale' });
    expect(response.status).toBe(200);
  });

  it('refuses an unknown scope, one that the client may not have, and one of wrong form', async () => {
    for (const scope of ['read admin', 'introspection', 'read "x"', ' ', 'read\u0000']) {
      await expectRefusal(await server.post('/oauth/token/', password({ scope })), 400, 'invalid_scope');
    }
  });

  it('grants the scopes that are asked for', async () => {
    const response = await server.post('/oauth/token/', password({ scope: 'read' }));
    expect((await members(response)).scope).toBe('read');
  });

  it('refuses a grant that the client may not use', async () => {
    const { credentials } = await server.newClient({ grants: ['client_credentials'] });
    await expectRefusal(await server.post('/oauth/token/', password(credentials)), 400, 'unauthorized_client');
  });

  it('answers client_credentials without a refresh token and without a user', async () => {
    const response = await server.post('/oauth/token/', { grant_type: 'client_credentials', ...app.credentials });
    const body = await members(response);
    expect(body).toEqual({
      access_token: expect.any(String),
      expires_in: 36_000,
      token_type: 'Bearer',
      scope: 'read write',
    });
    expect(await server.tokens.authenticate(String(body.access_token))).toMatchObject({
      user: null,
      clientId: app.client.id,
    });
  });

  it('answers client_credentials of an application with a bot for that bot, unless it is deactivated', async () => {
    const bots = new Bots(server.db, async () => {});
    const serviceUserId = await bots.forService('backend', undefined);
    const { client, credentials } = await server.newClient({ serviceUserId });
    const form = { grant_type: 'client_credentials', ...credentials };
    const token = String((await members(await server.post('/oauth/token/', form))).access_token);
    expect(await server.tokens.authenticate(token)).toMatchObject({
      user: { id: serviceUserId, username: 'backend', kind: 'bot' },
      clientId: client.id,
    });
    expect(await members(await server.post('/oauth/introspect/', { token, ...credentials }))).toMatchObject({
      sub: serviceUserId,
      username: 'backend',
    });
    await server.users.update(serviceUserId, { isActive: false });
    expect(await server.tokens.authenticate(token)).toBeUndefined();
    await expectRefusal(await server.post('/oauth/token/', form), 400, 'invalid_grant');
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'answers %s with 405 and Allow: POST',
    async (method) => {
      for (const path of ['/oauth/token/', '/oauth/token', '/oauth/revoke_token/', '/oauth/introspect/']) {
        const response = await fetch(server.origin + path, { method });
        expect(response.status).toBe(405);
        expect(response.headers.get('allow')).toBe('POST');
        expect(response.headers.get('cache-control')).toBe('no-store');
      }
    },
  );

  it('refuses parameters in the query string, even harmless ones', async () => {
    const response = await server.post('/oauth/token/?scope=read', password());
    await expectRefusal(response, 400, 'invalid_request', 'URL query parameters are not allowed.');
  });

  it('refuses a repeated parameter, in both encodings, also when it repeats its value or is empty', async () => {
    const repeated: [string, string][] = [
      ['grant_type', 'password'],
      ['scope', ''],
      ['unknown', 'x'],
    ];
    for (const again of repeated) {
      const pairs = Object.entries(password({ unknown: 'x', scope: 'read' })).concat([again]);
      await expectRefusal(await server.post('/oauth/token/', pairs), 400, 'invalid_request');
      const body = new FormData();
      for (const [key, text] of pairs) body.append(key, text);
      const response = await fetch(`${server.origin}/oauth/token/`, { method: 'POST', body });
      await expectRefusal(response, 400, 'invalid_request');
    }
  });

  it('ignores parameters that it does not know', async () => {
    expect((await server.post('/oauth/token/', password({ audience: 'x' }))).status).toBe(200);
  });
});
