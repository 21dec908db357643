import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamRefused } from '../support/frame-queue.js';
import { RawSocket } from '../support/raw-socket.js';
import { startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
beforeAll(async () => {
  team = await startTeam(1, { NODE_ENV: 'development', PUBLIC_URL: 'https://chat.example' });
});
afterAll(() => team.close());

const get = (path: string, init: RequestInit = {}) => fetch(`${team.first.origin}${path}`, init);

const POLICY = "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'";

function expectForbidden(header: (name: string) => unknown): void {
  expect(header('x-content-type-options')).toBe('nosniff');
  expect(header('x-frame-options')).toBe('DENY');
  expect(header('cross-origin-resource-policy')).toBe('same-origin');
  expect(header('strict-transport-security')).toBe('max-age=31536000');
}

describe('every answer', () => {
  const post = (type: string, body: string): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  it.each<[string, number, string, RequestInit]>([
    ['a query', 200, '/graphql/?query={__typename}', {}],
    ['a query’s head', 200, '/graphql/?query={__typename}', { method: 'HEAD' }],
    ['a query that is none', 200, '/graphql/?query={', {}],
    ['a query with a bad token', 401, '/graphql/?query={__typename}', { headers: { authorization: 'Bearer x' } }],
    ['a query of another media type', 415, '/graphql/', post('text/plain', '{}')],
    ['a body that is no JSON', 400, '/graphql/', post('application/json', '{')],
    ['a body that is too large', 413, '/graphql/', post('application/json', ' '.repeat(300_000))],
    ['a refused token request', 400, '/oauth/token/', post('application/x-www-form-urlencoded', 'grant_type=password')],
    ['a method that is not allowed', 405, '/oauth/token/', {}],
    ['metadata', 200, '/.well-known/oauth-authorization-server', {}],
    ['an unknown path', 404, '/nothing', {}],
    ['a preflight', 204, '/graphql/', { method: 'OPTIONS' }],
    ['health', 200, '/healthz', {}],
    ['readiness', 200, '/readyz', {}],
    ['a channel that is not upgraded', 426, '/ws/chat/x/', {}],
  ])('forbids browsers whatever they might do with it: %s (%d)', async (_name, status, path, init) => {
    const answer = await get(path, init);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-security-policy')).toBe(POLICY);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expectForbidden((name) => answer.headers.get(name));
  });

  it.each([
    ['of nobody', 401, '/ws/chat/x/', {}],
    ['of a foreign page', 403, '/ws/chat/x/', { origin: 'https://evil.example' }],
    ['where there is no socket', 404, '/healthz', {}],
  ])('forbids it in the refusal of a WebSocket %s too (%d)', async (_name, status, path, headers) => {
    const refusal = await RawSocket.open(`${team.first.wsOrigin}${path}`, { headers }).catch((error: unknown) => error);
    if (!(refusal instanceof StreamRefused)) throw new Error('The upgrade was not refused.');
    expect(refusal.status).toBe(status);
    expect(refusal.headers['content-security-policy']).toBe(POLICY);
    expectForbidden((name) => refusal.headers[name]);
  });

  it('forbids it where the path cannot be read, and says nothing of it', async () => {
    const answer = await get('/%zz<script>');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: 'bad_request', message: 'The path is malformed.' });
    expect(answer.headers.get('content-security-policy')).toBe(POLICY);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
  });

  it('forbids it on pages too, whatever else they may do', async () => {
    const html = { headers: { accept: 'text/html' } };
    for (const path of ['/graphql/', '/graphql/assets/page.js', '/oauth/authorize/', '/oauth/authorize/?client_id=x']) {
      const { headers } = await get(path, html);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'.*frame-ancestors 'none'/);
      expectForbidden((name) => headers.get(name));
    }
  });
});

describe('pages have policies of their own', () => {
  it('GraphiQL runs its scripts', async () => {
    const { headers } = await get('/graphql/', { headers: { accept: 'text/html' } });
    expect(headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(headers.get('content-security-policy')).not.toContain(',');
  });

  it('the sign-in page keeps its style and its form', async () => {
    const { client } = await team.first.app.services.clients.create({
      name: 'Web',
      grants: ['authorization_code'],
      redirectUris: ['https://app.example/back'],
      isPublic: true,
    });
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: 'https://app.example/back',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    const { status, headers } = await get(`/oauth/authorize/?${query}`);
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-.*form-action 'self'/,
    );
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-opener-policy')).toBeNull();
  });
});

it('says nothing of https where the service is not known by it', async () => {
  const plain = await startTeam();
  expect((await fetch(`${plain.first.origin}/healthz`)).headers.get('strict-transport-security')).toBeNull();
  await plain.close();
});
