import { ResourceOwnerPassword } from 'simple-oauth2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { exchange, upgradeRequest } from '../support/web-socket-app.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let origin: string;
let port: number;
let token: string;

beforeAll(async () => {
  team = await startTeam(1, { PUBLIC_URL: 'https://chat.example.com' });
  origin = team.first.origin;
  port = Number(new URL(origin).port);
  token = await team.signIn('admin');
});

afterAll(() => team.close());

const mutation = (name: string) => JSON.stringify({ query: `mutation { createChat(name: "${name}") { name } }` });

async function graphql(body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${origin}/graphql/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body,
  });
  const answer: { data?: unknown; errors?: { extensions: { code: string } }[] } = JSON.parse(await response.text());
  return { status: response.status, ...answer };
}

describe('text that is not what it says', () => {
  it('is 400 in a GraphQL body that is not UTF-8, and nothing is stored', async () => {
    const count = () => team.first.app.db.prisma.chat.count();
    const before = await count();
    const { status, errors } = await graphql(Buffer.from(mutation('caf\u00e9'), 'latin1'));
    expect({ status, code: errors?.[0]?.extensions.code }).toEqual({ status: 400, code: 'BAD_USER_INPUT' });
    expect(await count()).toBe(before);
  });

  it.each(['iso-8859-1', '"ISO-8859-1"', 'UTF-16', 'x'])('is 415 with the charset %s', async (charset) => {
    const type = { 'content-type': `application/json; charset=${charset}` };
    expect((await graphql(mutation('x'), type)).status).toBe(415);
    const form = {
      method: 'POST',
      headers: { 'content-type': `application/x-www-form-urlencoded; charset=${charset}` },
    };
    expect((await fetch(`${origin}/oauth/token/`, { ...form, body: 'grant_type=password' })).status).toBe(415);
  });

  it.each(['utf-8', '"UTF-8"', 'UTF8', 'us-ascii'])('is none with the charset %s', async (charset) => {
    const { status, errors } = await graphql('{"query":"{ me { username } }"}', {
      'content-type': `application/json;charset=${charset}`,
    });
    expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  });

  it('is 400 when it is nested a hundred thousand levels deep, which takes long to read', async () => {
    const depth = 100_000;
    const nested = `{"query":"{ me { username } }","variables":{"v":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
    const { status, errors } = await graphql(nested);
    expect({ status, errors }).toMatchObject({
      status: 400,
      errors: [{ message: 'The body must not be nested so deeply.' }],
    });
    const flat = `{"query":"{ me { username } }","variables":{"v":"${'['.repeat(depth)}"}}`;
    expect((await graphql(flat)).status).toBe(200);
  });

  it('is 415 with a Content-Encoding', async () => {
    expect((await graphql('{"query":"{me{id}}"}', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await graphql('{"query":"{me{id}}"}', { 'content-encoding': 'identity' })).status).toBe(200);
    for (const path of ['token', 'revoke_token', 'introspect']) {
      const body = new URLSearchParams({ token: 'x' });
      const headers = { 'content-encoding': 'br' };
      expect((await fetch(`${origin}/oauth/${path}/`, { method: 'POST', headers, body })).status).toBe(415);
    }
  });

  it.each([
    ['escaped', 'grant_type=password&username=caf%E9'],
    ['raw', Buffer.from('grant_type=password&username=caf\u00e9', 'latin1')],
  ])('is 400 in a form (%s)', async (_form, body) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(`${origin}/oauth/token/`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: 'invalid_request', error_description: 'The body must be UTF-8.' });
  });

  it('is 400 in a multipart form', async () => {
    const body = Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="username"\r\n\r\ncaf\u00e9\r\n--b--\r\n',
      'latin1',
    );
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const response = await fetch(`${origin}/oauth/token/`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_description: 'The body must be UTF-8.' });
  });

  it.each(['/ws/chat/%E9/', '/ws/chat/x/?after=%E9', '/graphql/?query=%E9'])('is 400 in the URL %s', async (path) => {
    expect((await fetch(`${origin}${path}`)).status).toBe(400);
    expect(await exchange(port, upgradeRequest(path))).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('pages of the service itself', () => {
  it.each([
    ['https://chat.example.com', 'upstream:8000'],
    ['https://chat.example.com', 'chat.example.com:443'],
    ['https://CHAT.example.com', 'CHAT.EXAMPLE.COM.'],
    ['https://other.example.com', 'other.example.com:443'],
    ['http://other.example.com', 'other.example.com:80'],
  ])('%s may open a socket with Host %s', async (from, host) => {
    const answer = exchange(port, upgradeRequest('/ws/chat/x/', { Origin: from, Host: host }));
    expect(await answer).toMatch(/^HTTP\/1.1 401 /);
  });

  it.each([
    ['https://evil.example', 'chat.example.com'],
    ['http://chat.example.com', 'upstream:8000'],
    ['https://chat.example.com:8443', 'upstream:8000'],
    ['https://chat.example.com.evil.example', 'chat.example.com'],
    ['null', 'chat.example.com'],
  ])('%s may not with Host %s', async (from, host) => {
    const answer = exchange(port, upgradeRequest('/ws/chat/x/', { Origin: from, Host: host }));
    expect(await answer).toMatch(/^HTTP\/1.1 403 /);
  });
});

describe('simple-oauth2', () => {
  it('gets, refreshes and revokes tokens', async () => {
    const { client_id: id, client_secret: secret } = team.credentials;
    const auth = { tokenHost: origin, tokenPath: '/oauth/token/', revokePath: '/oauth/revoke_token/' };
    const client = new ResourceOwnerPassword({ client: { id, secret }, auth });
    const first = await client.getToken({ username: 'admin', password: PASSWORD, scope: 'read' });
    const second = await first.refresh();
    await second.revoke('access_token');
    const third = await client.getToken({ username: 'admin', password: PASSWORD, scope: 'read' });
    await third.revokeAll();
    for (const { token: used } of [first, second, third])
      expect((await team.first.query(String(used.access_token), '{ me { id } }')).status).toBe(401);
  });
});

describe('health checks', () => {
  it('ask the database once a second, whoever asks', async () => {
    const asked = async () => {
      let count = 0;
      const counter = () => {
        count += 1;
      };
      team.first.app.db.pool.on('acquire', counter);
      const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${origin}/readyz`)));
      team.first.app.db.pool.off('acquire', counter);
      return { count, statuses: new Set(answers.map(({ status }) => status)) };
    };
    const { count, statuses } = await asked();
    expect(count).toBeLessThanOrEqual(2);
    expect(statuses).toEqual(new Set([200]));
  });
});
