import { withoutTokens } from '../domain/access/tokens/opaque-token.js';

/** Shorter secrets are left: they would be found in words that are none, and hide nothing from whoever guesses. Characters. */
const SHORTEST = 6;
const GONE = '…';

/** What looks like a secret wherever it is. */
const PATTERNS: readonly [RegExp, string][] = [
  // User and password of a URL.
  [/(:\/\/)[^\s/@"'<>]+@/g, `$1${GONE}@`],
  [
    /([?&#](?:code|token|ticket|access_token|refresh_token|id_token|client_secret|password)=)[^\s&"'\\]+/gi,
    `$1${GONE}`,
  ],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, `$1 ${GONE}`],
  // A JSON Web Token, of an identity provider.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g, `eyJ${GONE}`],
];

/** What the first start prints, and assignments in commands and JSON. */
const IN_A_LOG: readonly [RegExp, string][] = [
  [/^(\s*(?:password|client_secret)\s{2,})\S.*$/gim, `$1${GONE}`],
  [
    /\b((?:\w*(?:password|passwd|secret)|access_token|refresh_token|id_token|token)["']?\s*[=:]\s*["']?)(?!\$)[^\s"'&,}]+/gi,
    `$1${GONE}`,
  ],
];

/** The text without these secrets, and without all that looks like one. */
export function redacted(text: string, secrets: readonly string[]): string {
  // The longest first: one may be a part of another.
  const known = [...new Set(secrets)].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);
  const without = known.reduce((rest, secret) => rest.replaceAll(secret, GONE), text);
  return replaced(withoutTokens(without), PATTERNS);
}

/** The same for lines that a program has written, which may hold more. */
export function redactedLog(text: string, secrets: readonly string[]): string {
  return replaced(redacted(text, secrets), IN_A_LOG);
}

function replaced(text: string, patterns: readonly [RegExp, string][]): string {
  return patterns.reduce((rest, [pattern, by]) => rest.replace(pattern, by), text);
}
