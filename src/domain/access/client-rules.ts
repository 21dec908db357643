import { badInput } from '../errors.js';
import { checkText } from '../text.js';
import type { Scope } from '../viewer.js';
import { isScope } from './scopes.js';

/**
 * `token_exchange` is what the token endpoint knows by a URN. `issue_token` is no grant of that endpoint: it lets an application issue tokens
 * of users (`impersonation.ts`).
 */
export const GRANTS = [
  'password',
  'refresh_token',
  'client_credentials',
  'authorization_code',
  'token_exchange',
  'issue_token',
] as const;
export type Grant = (typeof GRANTS)[number];

/** The `grant_type` of https://datatracker.ietf.org/doc/html/rfc8693#section-2.1. An operator may write it for `token_exchange`. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

export function isGrant(text: string): text is Grant {
  return GRANTS.some((grant) => grant === text);
}

export interface NewClient {
  name: string;
  /** The `client_id`; generated when not given. */
  id?: string | undefined;
  /** Generated when not given. */
  secret?: string | undefined;
  isPublic?: boolean | undefined;
  /** Default: `authorization_code` and `refresh_token` for a client with redirect URIs, `client_credentials` for one without. */
  grants?: readonly string[] | undefined;
  /** Default: `read` and `write`. */
  scopes?: readonly string[] | undefined;
  redirectUris?: readonly string[] | undefined;
  /** The bot that its `client_credentials` tokens are of. Such a client has that grant. */
  serviceUserId?: string | undefined;
}

interface CheckedClient {
  id: string | undefined;
  name: string;
  grants: Grant[];
  scopes: Scope[];
  redirectUris: string[];
  userId: string | null;
}

/** Characters of client ids and secrets: https://datatracker.ietf.org/doc/html/rfc6749#appendix-A */
const VSCHAR = { expression: /^[\x20-\x7e]+$/, rule: 'may hold printable ASCII characters only.' };

/** @throws DomainError `BAD_USER_INPUT` naming the field and its rule. */
export function checkNewClient(input: NewClient): CheckedClient {
  const redirectUris = (input.redirectUris ?? []).map(checkRedirectUri);
  const asked = checkGrants(input.grants, redirectUris);
  const grants = input.serviceUserId === undefined ? asked : [...new Set([...asked, 'client_credentials' as const])];
  if (input.secret !== undefined) checkText('secret', input.secret, { min: 1, max: 256, pattern: VSCHAR });
  if (input.isPublic) {
    if (input.secret !== undefined) throw badInput('secret', 'A public client has no secret.');
    // Only confidential clients may use it (RFC 6749 §4.4).
    if (grants.includes('client_credentials'))
      throw badInput('grants', 'A public client cannot use client_credentials: name other grants or redirect URIs.');
  }
  if (grants.includes('issue_token') && input.serviceUserId === undefined)
    throw badInput('grants', 'The grant issue_token needs a service user: the application asks for tokens as its bot.');
  return {
    id: input.id === undefined ? undefined : checkText('id', input.id, { min: 1, max: 100, pattern: VSCHAR }),
    name: checkText('name', input.name.trim(), { min: 1, max: 100 }),
    grants,
    scopes: checkScopes(input.scopes),
    redirectUris,
    userId: input.serviceUserId ?? null,
  };
}

function checkGrants(given: readonly string[] | undefined, redirectUris: readonly string[]): Grant[] {
  if (!given || given.length === 0)
    return redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : ['client_credentials'];
  const named = given.map((grant) => (grant === TOKEN_EXCHANGE ? 'token_exchange' : grant));
  const grants = [...new Set(named)].map((grant) => {
    if (isGrant(grant)) return grant;
    throw badInput('grants', `There is no grant "${grant}"; there are ${GRANTS.join(', ')}.`);
  });
  if (grants.includes('authorization_code') && redirectUris.length === 0)
    throw badInput('redirectUris', 'The grant authorization_code needs at least one redirect URI.');
  return grants;
}

function checkScopes(given: readonly string[] | undefined): Scope[] {
  if (!given || given.length === 0) return ['read', 'write'];
  return [...new Set(given)].map((scope) => {
    if (isScope(scope)) return scope;
    throw badInput('scopes', `There is no scope "${scope}".`);
  });
}

/** RFC 6749 §3.1.2 (absolute, no fragment), RFC 8252 §7 (loopback and private-use schemes of native apps), RFC 9700 §2.1. */
export function checkRedirectUri(uri: string): string {
  checkText('redirectUris', uri, {
    min: 1,
    max: 2000,
    pattern: { expression: /^[\x21-\x7e]+$/, rule: 'must be URIs: printable ASCII without spaces.' },
  });
  if (!URL.canParse(uri)) throw badInput('redirectUris', `"${uri}" is not an absolute URI.`);
  const { protocol, hostname, hash, username, password } = new URL(uri);
  if (hash !== '' || uri.includes('#')) throw badInput('redirectUris', 'A redirect URI must not have a fragment.');
  if (username !== '' || password !== '') throw badInput('redirectUris', 'A redirect URI must not hold credentials.');
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const isPrivateUse = /^[a-z][a-z0-9+-]*\.[a-z0-9.+-]*:$/.test(protocol);
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback) || isPrivateUse) return uri;
  throw badInput(
    'redirectUris',
    'A redirect URI is https, http to a loopback address, or of a scheme such as com.example.app:.',
  );
}
