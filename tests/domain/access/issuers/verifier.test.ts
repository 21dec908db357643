import { generateKeyPairSync, KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { base64url } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { scopesOf } from '../../../../src/domain/access/issuers/token-claims.js';
import type { TokenRefusal } from '../../../../src/domain/access/issuers/trusted-issuer.js';
import { looksSigned, Verifier } from '../../../../src/domain/access/issuers/verifier.js';
import { leastCpu } from '../../../support/cpu-time.js';
import { forgedTokens } from '../../../support/forged-tokens.js';
import { assertProperty } from '../../../support/property.js';
import { type IssuerKey, newKey, seconds, startTokenIssuer, type TokenIssuer } from '../../../support/token-issuer.js';

/** CPU time of a refusal, in milliseconds. */
const REFUSAL_MS = 2;

let issuer: TokenIssuer;
let first: IssuerKey;
let rsa: IssuerKey;
let verifier: Verifier;
const failures: unknown[] = [];
const refusals: TokenRefusal[] = [];
const reports = {
  onError: (error: unknown) => void failures.push(error),
  onRefused: (refusal: TokenRefusal) => void refusals.push(refusal),
};

beforeAll(async () => {
  issuer = await startTokenIssuer();
  first = issuer.key;
  rsa = await newKey('rsa', 'RS256');
  issuer.publish(first, rsa);
  verifier = new Verifier([issuer.trusted()], reports);
});
afterEach(() => expect(failures.splice(0)).toEqual([]));
afterAll(() => issuer.close());

/** As `IssuerTokens` reads a token. */
const read = async (token: string) => (looksSigned(token) ? verifier.verify(token) : undefined);

describe('A token of a trusted issuer', () => {
  it('is read: who, since when, until when', async () => {
    const now = seconds();
    const token = await read(await issuer.sign({ iat: now - 10, exp: now + 50, sub: 'ann' }));
    expect(token).toMatchObject({
      issuer: issuer.trusted(),
      subject: 'ann',
      issuedAt: new Date((now - 10) * 1000),
      expiresAt: new Date((now + 50) * 1000),
    });
  });

  it.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])(
    'is taken with %s',
    async (alg) => {
      const other = await startTokenIssuer();
      try {
        other.publish(await newKey('k', alg));
        const reader = new Verifier([other.trusted()], reports);
        expect(await reader.verify(await other.sign())).toMatchObject({ subject: 'ann' });
      } finally {
        await other.close();
      }
    },
  );

  it.each([
    ['at+jwt', { typ: 'at+jwt' }],
    ['application/at+jwt', { typ: 'application/at+jwt' }],
    ['AT+JWT', { typ: 'AT+JWT' }],
    ['JWT', { typ: 'JWT' }],
    ['none', { typ: undefined }],
  ])('is taken with the type %s', async (_name, header) => {
    expect(await read(await issuer.sign({}, header))).toBeDefined();
  });

  it('is taken within 30 seconds of leeway, on either side', async () => {
    const now = seconds();
    expect(await read(await issuer.sign({ exp: now - 25 }))).toBeDefined();
    expect(await read(await issuer.sign({ iat: now + 25, nbf: now + 25 }))).toBeDefined();
  });

  it('is taken for one of several audiences', async () => {
    expect(await read(await issuer.sign({ aud: ['account', 'chat'] }))).toBeDefined();
    const two = new Verifier([issuer.trusted({ audiences: ['web', 'phone'] })], reports);
    expect(await two.verify(await issuer.sign({ aud: 'phone' }))).toBeDefined();
    expect(await two.verify(await issuer.sign({ aud: 'chat' }))).toBeUndefined();
  });

  it.each([
    ['chat:read and chat:write', { scope: 'openid chat:read chat:write' }, ['read', 'write']],
    ['read and write', { scope: 'read write' }, ['read', 'write']],
    ['both names of one', { scope: 'read chat:read' }, ['read']],
    ['a list in scp', { scope: undefined, scp: ['chat:write'] }, ['write']],
    ['a text in scp', { scope: undefined, scp: 'chat:read' }, ['read']],
    ['never introspection', { scope: 'introspection chat:introspection' }, []],
    ['those of a list that are words', { scope: [{ toString: 1 }, null, ['read'], 'write'] }, ['write']],
    ['none of ours', { scope: 'openid profile email' }, []],
    ['none', { scope: undefined }, []],
  ])('has our scopes: %s', async (_name, claims, scopes) => {
    const token = await read(await issuer.sign(claims));
    expect(token && scopesOf(token)).toEqual(scopes);
  });

  it('has the default of its issuer without scopes of ours, and no more than it names with one', async () => {
    const generous = new Verifier([issuer.trusted({ defaultScopes: ['read', 'write'] })], reports);
    const scopes = async (scope: string) => {
      const token = await generous.verify(await issuer.sign({ scope }));
      return token && scopesOf(token);
    };
    expect(await scopes('openid')).toEqual(['read', 'write']);
    expect(await scopes('openid chat:read')).toEqual(['read']);
  });
});

describe('A forged token', () => {
  it('is refused in each of its forms, in two milliseconds of CPU', async () => {
    expect(await read(await issuer.sign())).toBeDefined();
    const forged = await forgedTokens(issuer);
    expect(forged.size).toBeGreaterThanOrEqual(30);
    const taken: string[] = [];
    const slow: string[] = [];
    for (const [name, token] of forged) {
      if ((await read(token)) !== undefined) taken.push(name);
      const ms = await leastCpu(REFUSAL_MS, () => read(token));
      if (ms >= REFUSAL_MS) slow.push(`${name}: ${ms} ms`);
    }
    expect({ taken, slow }).toEqual({ taken: [], slow: [] });
    expect(await read(await issuer.sign())).toBeDefined();
  });

  it('of any content is refused or read, and never an error', async () => {
    const member = (names: string[]) => fc.dictionary(fc.constantFrom(...names), fc.jsonValue(), { maxKeys: 3 });
    const headers = member(['alg', 'kid', 'typ', 'crit', 'b64', 'cty', 'jwk', 'zip', 'enc', 'x5c']);
    const claims = member(['iss', 'aud', 'sub', 'exp', 'iat', 'nbf', 'cnf', 'nonce', 'scope', 'scp', 'typ']);
    const encoded = (value: unknown) => base64url.encode(JSON.stringify(value));
    const now = seconds();
    const usual = { iss: issuer.issuer, aud: 'chat', sub: 'ann', iat: now, exp: now + 300 };
    const signer = { key: KeyObject.from(first.privateKey), dsaEncoding: 'ieee-p1363' } as const;
    await assertProperty(
      fc.asyncProperty(headers, claims, fc.boolean(), async (header, payload, isSigned) => {
        const head = { alg: first.alg, kid: first.kid, ...header };
        const text = `${encoded(head)}.${encoded({ ...usual, ...payload })}`;
        const signature = isSigned ? sign('sha256', Buffer.from(text), signer).toString('base64url') : 'AA';
        const token = await read(`${text}.${signature}`);
        if (token) expect(scopesOf(token)).toBeInstanceOf(Array);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['another audience', { aud: 'shop' }, 'unexpected "aud" claim value'],
    ['an expiry of before', { exp: 1 }, '"exp" claim timestamp check failed'],
    ['a nonce', { nonce: 'n' }, 'it is an ID token, not an access token'],
    ['another issuer', { iss: 'https://id.example' }, 'the issuer is not in TRUSTED_ISSUERS'],
    ['an issuer as long as it likes', { iss: 'i'.repeat(5000) }, 'the issuer is not in TRUSTED_ISSUERS'],
  ])('is reported with the reason, for whoever set the service up: %s', async (_name, claims, reason) => {
    refusals.splice(0);
    expect(await read(await issuer.sign(claims))).toBeUndefined();
    const { iss = issuer.issuer } = claims as { iss?: string };
    expect(refusals).toEqual([{ issuer: iss.slice(0, 200), reason }]);
  });
});

it('A token that names a key of the issuer that cannot be used is refused', async () => {
  const own = await startTokenIssuer();
  try {
    const usual = await newKey('usual');
    const { n, e } = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const short = { ...usual, kid: 'short', publicJwk: { kty: 'RSA', n, e, kid: 'short', alg: 'RS256' } };
    const broken = { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'broken', alg: 'ES256' };
    own.publish(usual, short, { ...usual, kid: 'broken', publicJwk: broken });
    const reasons: string[] = [];
    const verifier = new Verifier([own.trusted()], {
      ...reports,
      onRefused: ({ reason }) => reasons.push(reason),
    });
    const [, payload, signature] = (await own.sign()).split('.');
    for (const header of [
      { alg: 'RS256', kid: 'short' },
      { alg: 'ES256', kid: 'broken' },
    ]) {
      const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
      expect(await verifier.verify(`${encoded}.${payload}.${signature}`)).toBeUndefined();
    }
    expect(reasons).toEqual(Array(2).fill(expect.stringMatching(/^its key cannot be used: /)));
    expect(await verifier.verify(await own.sign())).toBeDefined();
  } finally {
    await own.close();
  }
});
