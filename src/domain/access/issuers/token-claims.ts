import { isExternalId } from '../../external-id.js';
import type { ExternalIdentity } from '../../people/external-users.js';
import type { UserRole } from '../../profile.js';
import type { Scope } from '../../viewer.js';
import { textOf } from './fetch-json.js';
import type { VerifiedToken } from './trusted-issuer.js';

type Claims = VerifiedToken['claims'];

/** Our scopes by their names in tokens. `introspection` is none of them: it lets its holder see the tokens of others. */
const SCOPES: ReadonlyMap<string, Scope> = new Map([
  ['read', 'read'],
  ['chat:read', 'read'],
  ['write', 'write'],
  ['chat:write', 'write'],
]);

/** The scopes of a token: those of ours in `scope` or `scp`, or the issuer's default without any. */
export function scopesOf({ claims, issuer }: VerifiedToken): readonly Scope[] {
  const scopes = [...wordsOf(claims.scope), ...wordsOf(claims.scp)].flatMap((word) => SCOPES.get(word) ?? []);
  return scopes.length > 0 ? [...new Set(scopes)] : issuer.defaultScopes;
}

/** The role by the claims; undefined when the issuer says nothing of roles. */
export function roleOf({ claims, issuer }: VerifiedToken): UserRole | undefined {
  if (!issuer.admin) return undefined;
  const { claim, value } = issuer.admin;
  return wordsOf(claimAt(claims, claim)).includes(value) ? 'admin' : 'user';
}

/**
 * Who the token is of, as `ExternalUsers` knows users. Undefined when the issuer names its users by a claim that is not there, or no
 * external id.
 */
export function identityOf({ claims, issuer, subject }: VerifiedToken): ExternalIdentity | undefined {
  const externalId = issuer.idClaim === undefined ? undefined : idOf(claimAt(claims, issuer.idClaim));
  if (issuer.idClaim !== undefined && externalId === undefined) return undefined;
  const email = claims.email_verified === false ? undefined : textOf(claims.email);
  return {
    issuer: issuer.issuer,
    subject,
    externalId,
    usernames: [textOf(claimAt(claims, issuer.nameClaim)), email?.split('@')[0], textOf(claims.name)],
    email,
    firstName: textOf(claims.given_name),
    lastName: textOf(claims.family_name),
  };
}

/** A claim as an external id; undefined for what is none. */
function idOf(claim: unknown): string | undefined {
  const id = typeof claim === 'number' ? String(claim) : claim;
  return typeof id === 'string' && isExternalId(id) ? id : undefined;
}

/** The claim of this name, or at this path of names separated by dots, such as `realm_access.roles`. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

/**
 * Whether it is an ID token, which is for the client that its user signed in to and not for a service: an access token has none of
 * these (https://openid.net/specs/openid-connect-core-1_0.html#IDToken). Keycloak names the kind in the claim `typ`.
 */
export function isIdToken(claims: Claims): boolean {
  return ['nonce', 'at_hash', 'c_hash'].some((name) => claims[name] !== undefined) || claims.typ === 'ID';
}

/** Whether it can be no ID token: access tokens alone tell scopes, and Keycloak names the kind. */
export function isAccessToken(claims: Claims): boolean {
  return claims.scope !== undefined || claims.scp !== undefined || claims.typ === 'Bearer';
}

/** The words of a text, or of a list, as providers write scopes and roles. */
function wordsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter(isPlain).map(String);
  if (typeof value === 'string') return value.split(' ');
  return isPlain(value) ? [String(value)] : [];
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
