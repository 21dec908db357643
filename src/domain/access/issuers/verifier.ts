import { decodeJwt, errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import { IssuerKeys } from './issuer-keys.js';
import { SIGNATURE_ALGORITHMS } from './signature-algorithms.js';
import { isAccessToken, isIdToken } from './token-claims.js';
import { LEEWAY_SECONDS, type TokenRefusal, type TrustedIssuer, type VerifiedToken } from './trusted-issuer.js';

/** Characters. Longer tokens are refused unread; the headers of a request have no room for them either. */
const MAX_TOKEN = 16_000;
/** Three parts in base64url: an encrypted token has five (https://datatracker.ietf.org/doc/html/rfc7516#section-3.1). */
const SIGNED_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** The `typ` of access tokens; issuers that do not follow RFC 9068 send `JWT` or none. */
const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt']);
/** The `typ` of ID tokens, where it is given. */
const ID_TOKEN_TYPES = new Set(['jwt', 'application/jwt']);
/** Characters of a subject (https://openid.net/specs/openid-connect-core-1_0.html#IDToken). */
const MAX_SUBJECT = 255;
/** The last second of the year 9999: every part of the service can write it. */
const MAX_TIME = 253_402_300_799;

/** Whether a text may be a signed token of somebody else. Tells nothing of its signature. */
export function looksSigned(token: string): boolean {
  return token.length <= MAX_TOKEN && SIGNED_TOKEN.test(token);
}

/** Characters of an issuer's name in the log. */
const MAX_LOGGED = 200;

interface Trusted {
  issuer: TrustedIssuer;
  keys: IssuerKeys;
}

/** What is told of tokens and keys. */
export interface VerifierReports {
  onError(error: unknown, doing: string): void;
  onRefused(refusal: TokenRefusal): void;
}

/** Checks tokens of trusted issuers by https://datatracker.ietf.org/doc/html/rfc9068#section-4. */
export class Verifier {
  private readonly trusted: ReadonlyMap<string, Trusted>;

  constructor(
    issuers: readonly TrustedIssuer[],
    private readonly reports: VerifierReports,
  ) {
    const onError: VerifierReports['onError'] = (error, doing) => reports.onError(error, doing);
    this.trusted = new Map(
      issuers.map((issuer) => [issuer.issuer, { issuer, keys: new IssuerKeys(issuer, onError) }] as const),
    );
  }

  /**
   * The token's content; undefined for one that fails a check.
   * @param idTokenFor takes an ID token in place of an access token, which may also be for this client
   * @throws DomainError `SERVICE_UNAVAILABLE`, rule `temporarily_unavailable`, when the key is not known and its issuer is away
   */
  async verify(token: string, idTokenFor?: string): Promise<VerifiedToken | undefined> {
    let issuer: unknown;
    try {
      issuer = decodeJwt(token).iss;
      const trusted = typeof issuer === 'string' ? this.trusted.get(issuer) : undefined;
      if (!trusted) throw new errors.JWTInvalid('the issuer is not in TRUSTED_ISSUERS');
      return await check(token, trusted, idTokenFor);
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      this.reports.onRefused({ issuer: String(issuer).slice(0, MAX_LOGGED), reason: error.message });
      return undefined;
    }
  }
}

/** @throws JOSEError for a token that fails a check */
async function check(token: string, { issuer, keys }: Trusted, idTokenFor?: string): Promise<VerifiedToken> {
  const verified = await jwtVerify(token, keys.get, {
    issuer: issuer.issuer,
    audience: [...issuer.audiences, ...(idTokenFor === undefined ? [] : [idTokenFor])],
    algorithms: SIGNATURE_ALGORITHMS,
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ['sub', 'exp', 'iat'],
  }).catch((error: unknown) => {
    throw unusableKey(error) ?? error;
  });
  requireKind(verified, idTokenFor === undefined ? ACCESS_TOKEN_TYPES : ID_TOKEN_TYPES);
  if (idTokenFor === undefined && isIdToken(verified.payload))
    throw new errors.JWTInvalid('it is an ID token, not an access token');
  if (idTokenFor !== undefined && isAccessToken(verified.payload))
    throw new errors.JWTInvalid('it is an access token, not an ID token');
  return contentOf(verified.payload, issuer);
}

/** An issuer may publish keys that are too short or broken, and a token may name one. jose throws then what the platform throws. */
function unusableKey(error: unknown): Error | undefined {
  if (!(error instanceof TypeError || error instanceof DOMException)) return undefined;
  return new errors.JWKInvalid(`its key cannot be used: ${error.message}`);
}

/** https://datatracker.ietf.org/doc/html/rfc9068#section-2.1 */
function requireKind({ protectedHeader: { typ = 'jwt' }, payload }: JWTVerifyResult, types: ReadonlySet<string>): void {
  if (!types.has(String(typ).toLowerCase())) throw new errors.JWTInvalid('unexpected "typ" header');
  // Such a token must come with a proof, which nobody here checks.
  if (payload.cnf !== undefined) throw new errors.JWTInvalid('it is bound to a key of its client ("cnf")');
}

function contentOf(claims: JWTPayload, issuer: TrustedIssuer): VerifiedToken {
  const { sub, iat = Number.NaN, exp = Number.NaN } = claims;
  const now = Date.now() / 1000;
  if (!isSubject(sub)) throw new errors.JWTInvalid(`"sub" must have 1 to ${MAX_SUBJECT} characters`);
  if (!(iat >= 0 && iat <= now + LEEWAY_SECONDS)) throw new errors.JWTInvalid('"iat" is in the future');
  if (!(exp <= MAX_TIME)) throw new errors.JWTInvalid('"exp" is too far in the future');
  return { issuer, claims, subject: sub, issuedAt: new Date(iat * 1000), expiresAt: new Date(exp * 1000) };
}

function isSubject(sub: unknown): sub is string {
  return (
    typeof sub === 'string' && sub !== '' && sub.length <= MAX_SUBJECT && !sub.includes('\0') && sub.isWellFormed()
  );
}
