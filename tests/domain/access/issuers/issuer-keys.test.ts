import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Verifier } from '../../../../src/domain/access/issuers/verifier.js';
import { newKey, startTokenIssuer, type TokenIssuer } from '../../../support/token-issuer.js';

let issuer: TokenIssuer;
let verifier: Verifier;
const reported: string[] = [];
let elapsedMs = 0;

const trust = (more: Parameters<TokenIssuer['trusted']>[0] = {}) =>
  new Verifier([issuer.trusted(more)], {
    onError: (error, doing) => void reported.push(`${doing}: ${error instanceof Error ? error.message : error}`),
    onRefused: () => {},
  });
const AWAY = { code: 'SERVICE_UNAVAILABLE', rule: 'temporarily_unavailable', retryAfterMs: expect.any(Number) };
const askedForKeys = () => issuer.requests.filter((path) => path === '/keys').length;

beforeEach(async () => {
  issuer = await startTokenIssuer();
  verifier = trust();
  reported.splice(0);
  elapsedMs = 0;
  const { now } = performance;
  vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + elapsedMs);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await issuer.close();
});

describe('The keys of an issuer', () => {
  it('are fetched at the first token, once for many at once, and cached', async () => {
    const token = await issuer.sign();
    expect(issuer.requests).toEqual([]);
    const read = await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
    expect(read.every((each) => each !== undefined)).toBe(true);
    expect(await verifier.verify(await issuer.sign({ sub: 'zoe' }))).toBeDefined();
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are looked for anew for an unknown kid, but not again within 30 seconds', async () => {
    await verifier.verify(await issuer.sign());
    issuer.publish(await newKey('second'));
    const token = await issuer.sign();
    expect(await verifier.verify(token)).toBeUndefined();
    expect(askedForKeys()).toBe(1);
    elapsedMs = 30_000;
    const made = await Promise.all(
      Array.from({ length: 50 }, async (_, count) =>
        verifier.verify(await issuer.sign({}, { kid: `made up ${count}` })),
      ),
    );
    expect(made.every((each) => each === undefined)).toBe(true);
    expect(askedForKeys()).toBe(2);
    expect(await verifier.verify(token)).toBeDefined();
    expect(askedForKeys()).toBe(2);
  });

  it('that are withdrawn work no longer once the keys were fetched', async () => {
    const old = await issuer.sign();
    await verifier.verify(old);
    issuer.publish(await newKey('second'));
    elapsedMs = 30_000;
    expect(await verifier.verify(await issuer.sign())).toBeDefined();
    expect(await verifier.verify(old)).toBeUndefined();
  });

  it('are fetched every ten minutes of use, so that a key that is published first is never unknown', async () => {
    const { key } = issuer;
    const old = await issuer.sign();
    await verifier.verify(old);
    const next = await newKey('next');
    issuer.publish(key, next);
    elapsedMs = 600_000;
    expect(await verifier.verify(await issuer.sign())).toBeDefined();
    await vi.waitFor(() => expect(askedForKeys()).toBe(2));
    issuer.publish(next);
    await vi.waitFor(async () => expect(await verifier.verify(await issuer.sign())).toBeDefined());
    expect(askedForKeys()).toBe(2);
  });

  it('go on while the issuer is away; a key that is not known is then answered with "later", and taken when it is back', async () => {
    const known = await issuer.sign();
    await verifier.verify(known);
    issuer.publish(await newKey('second'));
    const unknown = await issuer.sign();
    await issuer.goAway();
    elapsedMs = 700_000;
    expect(await verifier.verify(known)).toBeDefined();
    await expect(verifier.verify(unknown)).rejects.toMatchObject(AWAY);
    expect(await verifier.verify(known)).toBeDefined();
    expect(reported).toEqual([expect.stringMatching(/^fetch the keys of .*could not be reached/)]);
    await issuer.comeBack();
    await expect(verifier.verify(unknown)).rejects.toMatchObject(AWAY);
    elapsedMs += 5000;
    expect(await verifier.verify(unknown)).toBeDefined();
  });

  it('that were never fetched make every token of the issuer one for later, and one of another issuer is refused as ever', async () => {
    const token = await issuer.sign();
    const other = await issuer.sign({ iss: 'https://id.example' });
    await issuer.goAway();
    await expect(verifier.verify(token)).rejects.toMatchObject(AWAY);
    expect(await verifier.verify(other)).toBeUndefined();
    await issuer.comeBack();
  });

  it.each([
    ['a redirect', (): [number, string, Record<string, string>] => [302, '', { location: '/elsewhere' }]],
    ['more than 64 KiB', () => [200, JSON.stringify({ keys: [], more: 'm'.repeat(65_536) }), {}]],
    ['no JSON', () => [200, '<html>', {}]],
    ['no keys', () => [200, JSON.stringify({ issuer: issuer.issuer }), {}]],
    ['an error', () => [500, '{}', {}]],
    ['keys elsewhere', () => [200, JSON.stringify({ issuer: issuer.issuer, jwks_uri: 'http://127.0.0.1:9/' }), {}]],
    [
      'another issuer',
      () => [200, JSON.stringify({ issuer: 'https://id.example', jwks_uri: `${issuer.issuer}/keys` }), {}],
    ],
  ] satisfies [string, () => [number, string, Record<string, string>]][])(
    'are none when the answer is %s',
    async (_name, answer) => {
      const [status, body, headers] = answer();
      issuer.answerWith((_request, response) => void response.writeHead(status, headers).end(body));
      await expect(verifier.verify(await issuer.sign())).rejects.toMatchObject(AWAY);
      expect(reported).toHaveLength(1);
      expect(issuer.requests).not.toContain('/elsewhere');
    },
  );

  it('are where the configuration says, on any origin, and the metadata is not asked', async () => {
    const elsewhere = await startTokenIssuer();
    try {
      elsewhere.publish(issuer.key);
      expect(await trust({ keysUrl: `${elsewhere.issuer}/keys` }).verify(await issuer.sign())).toBeDefined();
      expect({ here: issuer.requests, there: elsewhere.requests }).toEqual({ here: [], there: ['/keys'] });
    } finally {
      await elsewhere.close();
    }
  });

  it('need no kid when there is one alone, and the token none', async () => {
    expect(await verifier.verify(await issuer.sign({}, { kid: undefined }))).toBeDefined();
  });
});
