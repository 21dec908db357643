import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { members } from '../support/authorization-server.js';
import { Service, startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

const PAGE_ORIGIN = 'https://app.example';
/** Requests a second that one address may send to the second process, and how many are sent at once. */
const RATE = 5;
const FLOOD = 8 * RATE;

/** What the OAuth2 endpoints have of the service around them. */
describe('In the whole service', () => {
  let team: Awaited<ReturnType<typeof startTeam>>;
  let service: Service;
  let limited: Service;

  beforeAll(async () => {
    team = await startTeam(1, {
      CORS_ALLOWED_ORIGINS: PAGE_ORIGIN,
      OIDC_ISSUER: 'http://127.0.0.1:1',
      OIDC_CLIENT_ID: 'chat',
      OIDC_CLIENT_SECRET: 'a secret of the provider',
    });
    service = team.first;
    limited = await Service.start(team.database, {
      LIMIT_REQUESTS_PER_ADDRESS: String(RATE),
      TRUST_PROXY: '192.0.2.1',
    });
  });
  afterAll(async () => {
    await limited.close();
    await team.close();
  });

  const token = (headers: Record<string, string> = {}) =>
    fetch(`${service.origin}/oauth/token/`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ grant_type: 'password', username: 'admin', password: PASSWORD, ...team.credentials }),
    });
  const get = (path: string, init: RequestInit = {}) =>
    fetch(service.origin + path, { redirect: 'manual', headers: { origin: PAGE_ORIGIN }, ...init });

  it('web pages of listed origins may call the endpoints that clients call', async () => {
    expect((await token({ origin: PAGE_ORIGIN })).headers.get('access-control-allow-origin')).toBe(PAGE_ORIGIN);
    expect((await token({ origin: 'https://evil.example' })).headers.get('access-control-allow-origin')).toBeNull();
    const metadata = await get('/.well-known/oauth-authorization-server');
    expect(metadata.headers.get('access-control-allow-origin')).toBe(PAGE_ORIGIN);
  });

  it.each(['/oauth/authorize/', '/oauth/external/oidc/', '/oauth/external/oidc/callback/'])(
    'no web page may read %s, where people are sent and clients never call',
    async (path) => {
      expect((await get(path)).headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'chat.example' };
  const issuerOf = async (one: Service) => {
    const response = await fetch(`${one.origin}/.well-known/oauth-authorization-server`, { headers: forwarded });
    return (await members(response)).issuer;
  };
  /** Of more requests than are let through, those that were not. */
  async function refusedOf(path: string, headersOf: (index: number) => Record<string, string> = () => ({})) {
    const answers = await Promise.all(
      Array.from({ length: FLOOD }, (_, index) =>
        fetch(limited.origin + path, { method: 'POST', headers: headersOf(index) }),
      ),
    );
    return answers.filter(({ status }) => status === 429);
  }

  it('nobody but a trusted proxy is believed who calls, and how', async () => {
    expect(await issuerOf(service)).toBe(service.origin);
    const refused = await refusedOf('/oauth/token/', (index) => ({ 'x-forwarded-for': `198.51.100.${index}` }));
    expect(refused.length).toBeGreaterThan(0);
    const behindProxy = await Service.start(team.database, { TRUST_PROXY: 'loopback' });
    try {
      expect(await issuerOf(behindProxy)).toBe('https://chat.example');
    } finally {
      await behindProxy.close();
    }
  });

  it('a peer that sends forwarding headers without being trusted is named once in the log', async () => {
    const one = await Service.start(team.database);
    try {
      for (let count = 0; count < 3; count += 1) await issuerOf(one);
      const said = one.log.filter((line) => line.includes('TRUST_PROXY'));
      expect(said).toHaveLength(1);
      expect(said[0]).toContain('127.0.0.1 sends x-forwarded-proto');
    } finally {
      await one.close();
    }
  });

  it('a client at the address of a trusted proxy is nobody to name', async () => {
    const behindProxy = await Service.start(team.database, { TRUST_PROXY: 'loopback' });
    try {
      await fetch(`${behindProxy.origin}/healthz`, { headers: { 'x-forwarded-for': '127.0.0.1' } });
      await fetch(`${behindProxy.origin}/healthz`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
      expect(behindProxy.log.filter((line) => line.includes('TRUST_PROXY'))).toEqual([]);
    } finally {
      await behindProxy.close();
    }
  });

  it('in production no header names the issuer, and nobody is signed in on a page, without PUBLIC_URL', async () => {
    const one = await Service.start(team.database, { NODE_ENV: 'production' });
    try {
      for (const path of ['/.well-known/oauth-authorization-server', '/oauth/authorize/']) {
        const response = await fetch(one.origin + path, { headers: { host: 'evil.example' } });
        expect(response.status).toBe(501);
        expect(await members(response)).toEqual({
          error: 'server_error',
          error_description: 'This server does not know its public address: PUBLIC_URL is not set.',
        });
      }
      expect(one.log.join('')).toContain('need PUBLIC_URL');
      // An application's own sign-in needs no page.
      const form = { grant_type: 'password', username: 'admin', password: PASSWORD, ...team.credentials };
      const response = await fetch(`${one.origin}/oauth/token/`, { method: 'POST', body: new URLSearchParams(form) });
      expect(response.status).toBe(200);
    } finally {
      await one.close();
    }
    const known = await Service.start(team.database, { NODE_ENV: 'production', PUBLIC_URL: 'https://chat.example' });
    try {
      expect(await issuerOf(known)).toBe('https://chat.example');
    } finally {
      await known.close();
    }
  });

  it.each(['/oauth/token/', '/oauth/revoke_token/', '/oauth/introspect/', '/oauth/authorize/'])(
    'no cache keeps a refusal of %s that came before the endpoint was reached',
    async (path) => {
      const refused = await refusedOf(path);
      expect(refused.length).toBeGreaterThan(0);
      for (const { headers } of refused) {
        expect(headers.get('cache-control')).toBe('no-store');
        expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
    },
  );
});
