import { createHmac, hash, randomBytes } from 'node:crypto';

/**
 * The prefixes of generated secrets, by which people and secret scanners recognise them. After the prefix come 256 random bits in
 * base64url. The last three kinds are not tokens but have the same form.
 */
const PREFIX = {
  access: 'cat_',
  refresh: 'crt_',
  ticket: 'cst_',
  code: 'cac_',
  browserSession: 'cbs_',
  signIn: 'csi_',
  clientSecret: 'ccs_',
  incomingHook: 'chk_',
} as const;

export type TokenKind = keyof typeof PREFIX;

/** The form of django-oauth-toolkit's tokens (oauthlib's default), which `manage import-django` imports. */
const IMPORTED = /^[A-Za-z0-9]{30}$/;
const IMPORTED_KINDS: readonly TokenKind[] = ['access', 'refresh'];

const BITS_256 = /^[A-Za-z0-9_-]{43}$/;

export function newToken(kind: TokenKind): string {
  return PREFIX[kind] + randomBytes(32).toString('base64url');
}

/**
 * Derives the successor of the token `parent`. The same parent and salt always give the same token, so an answer can be repeated
 * although the database has only hashes of tokens.
 */
export function deriveToken(kind: TokenKind, parent: string, salt: Buffer): string {
  return PREFIX[kind] + createHmac('sha256', parent).update(kind).update(salt).digest('base64url');
}

/** True for a text in the form of an imported token. */
export function isImportedToken(text: string): boolean {
  return IMPORTED.test(text);
}

/** False for a text that cannot be a token of this kind, issued or imported. It is refused without a look-up. */
export function isToken(kind: TokenKind, text: string): boolean {
  if (IMPORTED_KINDS.includes(kind) && isImportedToken(text)) return true;
  return text.startsWith(PREFIX[kind]) && BITS_256.test(text.slice(PREFIX[kind].length));
}

const IN_TEXT = new RegExp(`(${Object.values(PREFIX).join('|')})[A-Za-z0-9_-]{43}`, 'g');

/** The text without the generated secrets in it; their prefixes stay. */
export function withoutTokens(text: string): string {
  return text.replace(IN_TEXT, '$1…');
}

/** The hash that the database stores for a token. 256 random bits need no slow hash. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
