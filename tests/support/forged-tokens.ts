import { createHmac, KeyObject, sign } from 'node:crypto';
import { base64url, CompactEncrypt, CompactSign, exportSPKI, importJWK, type JWTPayload } from 'jose';
import { newKey, seconds, type TokenIssuer } from './token-issuer.js';

/**
 * Tokens that nobody may get in with, by what is wrong with them. Each differs from a good one in that alone.
 * @param issuer publishes its first key for ES256 and a second one, `rsa`, for RS256
 */
export async function forgedTokens(issuer: TokenIssuer): Promise<Map<string, string>> {
  const now = seconds();
  const { key } = issuer;
  const foreign = await newKey('foreign');
  const good = await issuer.sign();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const claims: JWTPayload = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const pem = await exportSPKI(key.publicKey);
  const encoded = (value: unknown) => base64url.encode(JSON.stringify(value));
  const hmac = (secret: string, head: object) => {
    const text = `${encoded(head)}.${payload}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const signedBytes = (text: string, head: object = {}) =>
    new CompactSign(Buffer.from(text))
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...head })
      .sign(key.privateKey);
  const unencodedText = `${encoded({ alg: key.alg, kid: key.kid, typ: 'at+jwt', crit: ['b64'], b64: false })}.${payload}`;
  const signer = { key: KeyObject.from(key.privateKey), dsaEncoding: 'ieee-p1363' } as const;
  const unencoded = `${unencodedText}.${sign('sha256', Buffer.from(unencodedText), signer).toString('base64url')}`;
  const derSignature = Buffer.concat([
    Buffer.from([0x30, 0x44, 0x02, 0x20]),
    Buffer.from(signature, 'base64url').subarray(0, 32),
    Buffer.from([0x02, 0x20]),
    Buffer.from(signature, 'base64url').subarray(32),
  ]).toString('base64url');

  return new Map([
    ['alg none without a signature', `${encoded({ alg: 'none', typ: 'at+jwt' })}.${payload}.`],
    ['alg none with a signature', `${encoded({ alg: 'none', typ: 'at+jwt' })}.${payload}.${signature}`],
    ['alg nOnE', `${encoded({ alg: 'nOnE', kid: key.kid, typ: 'at+jwt' })}.${payload}.${signature}`],
    ['no alg', `${encoded({ kid: key.kid, typ: 'at+jwt' })}.${payload}.${signature}`],
    ['HS256 with the public key as PEM', hmac(pem, { alg: 'HS256', kid: key.kid, typ: 'at+jwt' })],
    ['HS256 with the public key as JWK', hmac(JSON.stringify(key.publicJwk), { alg: 'HS256', typ: 'at+jwt' })],
    ['HS256 with an empty key', hmac('', { alg: 'HS256', kid: key.kid, typ: 'at+jwt' })],
    ['another issuer', await issuer.sign({ iss: 'https://id.example' })],
    ['an issuer with a slash more', await issuer.sign({ iss: `${issuer.issuer}/` })],
    ['no issuer', await issuer.sign({ iss: undefined })],
    ['a list of issuers', await signedBytes(JSON.stringify({ ...claims, iss: [issuer.issuer] }))],
    ['another audience', await issuer.sign({ aud: 'shop' })],
    ['no audience', await issuer.sign({ aud: undefined })],
    ['an empty list of audiences', await issuer.sign({ aud: [] })],
    ['a foreign key under its own kid', await issuer.sign({}, {}, foreign)],
    ['a foreign key under the kid of ours', await issuer.sign({}, { kid: key.kid }, foreign)],
    ['a foreign key without a kid', await issuer.sign({}, { kid: undefined }, foreign)],
    ['a foreign key in the header', await issuer.sign({}, { kid: undefined, jwk: foreign.publicJwk }, foreign)],
    ['a foreign address of keys', await issuer.sign({}, { jku: 'http://127.0.0.1:9/keys' }, foreign)],
    ['the kid of a key of another kind', await issuer.sign({}, { kid: 'rsa' })],
    ['expired by 31 seconds', await issuer.sign({ iat: now - 300, exp: now - 31 })],
    ['not valid yet', await issuer.sign({ nbf: now + 60 })],
    ['issued in the future', await issuer.sign({ iat: now + 60, exp: now + 600 })],
    ['no exp', await issuer.sign({ exp: undefined })],
    ['an exp that is a text', await signedBytes(JSON.stringify({ ...claims, exp: String(now + 300) }))],
    ['an exp that no calendar has', await signedBytes(JSON.stringify({ ...claims, exp: 1e300 }))],
    ['no iat', await issuer.sign({ iat: undefined })],
    ['no subject', await issuer.sign({ sub: undefined })],
    ['an empty subject', await issuer.sign({ sub: '' })],
    ['a subject that is a number', await signedBytes(JSON.stringify({ ...claims, sub: 7 }))],
    ['a subject of 256 characters', await issuer.sign({ sub: 's'.repeat(256) })],
    ['a critical extension', await issuer.sign({}, { crit: ['exp'], exp: now + 300 })],
    ['an unencoded payload', unencoded],
    ['a nested token', await signedBytes(good, { cty: 'JWT' })],
    ['a payload that is a list', await signedBytes(JSON.stringify([claims]))],
    ['a payload that is no JSON', await signedBytes('chat')],
    [
      'an encrypted token',
      await new CompactEncrypt(Buffer.from(good))
        .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM', kid: key.kid, cty: 'JWT' })
        .encrypt(await importJWK({ ...foreign.publicJwk, alg: 'ECDH-ES', use: 'enc' })),
    ],
    ['20 KB of claims', await issuer.sign({ more: 'm'.repeat(20_000) })],
    ['64 KiB of claims', await issuer.sign({ more: 'm'.repeat(65_536) })],
    ['typ dpop+jwt', await issuer.sign({}, { typ: 'dpop+jwt' })],
    ['typ logout+jwt', await issuer.sign({}, { typ: 'logout+jwt' })],
    ['an ID token with a nonce', await issuer.sign({ nonce: 'n' }, { typ: 'JWT' })],
    ['an ID token with a hash', await issuer.sign({ at_hash: 'h' }, { typ: 'JWT' })],
    ['a token that is bound to a key', await issuer.sign({ cnf: { jkt: 'thumbprint' } })],
    ['a signature of another payload', `${header}.${encoded({ ...claims, sub: 'zoe' })}.${signature}`],
    ['a signature cut short', good.slice(0, -2)],
    ['a signature of zeros', `${header}.${payload}.${'A'.repeat(86)}`],
    ['a signature in DER', `${header}.${payload}.${derSignature}`],
    ['no signature', `${header}.${payload}.`],
  ]);
}
