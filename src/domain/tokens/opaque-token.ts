import { createHmac, hash, randomBytes } from 'node:crypto';

/**
 * Everything secret that the service hands out: 256 bits, base64url, behind a prefix that secret scanners and people
 * recognise. The last two are no tokens but follow the same rules.
 */
const PREFIX = {
  access: 'cat_',
  refresh: 'crt_',
  ticket: 'cst_',
  code: 'cac_',
  browserSession: 'cbs_',
  clientSecret: 'ccs_',
} as const;

export type TokenKind = keyof typeof PREFIX;

/** Tokens of django-oauth-toolkit, which `manage import-django` brings along: oauthlib's default form. */
const IMPORTED = /^[A-Za-z0-9]{30}$/;
const IMPORTED_KINDS: readonly TokenKind[] = ['access', 'refresh'];

const BITS_256 = /^[A-Za-z0-9_-]{43}$/;

export function newToken(kind: TokenKind): string {
  return PREFIX[kind] + randomBytes(32).toString('base64url');
}

/**
 * The token that follows `parent`: who holds the parent and the salt gets the same one again, who lacks either gets
 * nothing. So an answer can be repeated although only hashes are stored.
 */
export function deriveToken(kind: TokenKind, parent: string, salt: Buffer): string {
  return PREFIX[kind] + createHmac('sha256', parent).update(kind).update(salt).digest('base64url');
}

/** True for a token of another service that this one can take over. */
export function isImportedToken(text: string): boolean {
  return IMPORTED.test(text);
}

/**
 * False for a string that this service cannot have handed out or taken over; such a one is refused without asking the
 * database.
 */
export function isToken(kind: TokenKind, text: string): boolean {
  if (IMPORTED_KINDS.includes(kind) && isImportedToken(text)) return true;
  return text.startsWith(PREFIX[kind]) && BITS_256.test(text.slice(PREFIX[kind].length));
}

/** What is stored in place of a token. 256 random bits need no slow hash. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
