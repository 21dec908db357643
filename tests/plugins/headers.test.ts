import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
beforeAll(async () => {
  team = await startTeam(1, { NODE_ENV: 'development', PUBLIC_URL: 'https://chat.example' });
});
afterAll(() => team.close());

const get = (path: string, init: RequestInit = {}) => fetch(`${team.first.origin}${path}`, init);

describe('every answer', () => {
  it.each([
    ['a query', '/graphql/?query={__typename}', {}],
    ['a refused token request', '/oauth/token/', { method: 'POST' }],
    ['an unknown path', '/nothing', {}],
    ['health', '/healthz', {}],
    ['a channel that is not upgraded', '/ws/chat/x/', {}],
  ])('forbids browsers whatever they might do with it: %s', async (_name, path, init) => {
    const { headers } = await get(path, init);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000');
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
