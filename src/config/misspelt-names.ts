import { OIDC_VARIABLE } from './providers.js';
import { isSecretFileName } from './secret-files.js';

/** Only this service uses names with these prefixes, so an unknown one is a mistake. */
const OWN_PREFIXES = /^(LIMIT_|OAUTH2_PROVIDER_|OAUTH_CLIENT_|CORS_ALLOWED_|ALLOW_QUERY_)/;

/** Variables of other programs that resemble settings of ours. */
const FOREIGN = new Set(['HOSTS', 'POST', 'SORT', 'LOGLEVEL', 'GITLAB_CLIENT_ID', 'GITLAB_CLIENT_SECRET']);

/**
 * Finds misspelt names; one sentence each. In the file `.env`, which is the service's own, every name close to a setting's counts
 * as misspelt. In the environment, which all programs share, only one with a prefix of ours or with a single typo in a
 * setting's name of 12 or more characters.
 */
export function misspeltNames(
  inFile: NodeJS.Dict<string>,
  inEnvironment: NodeJS.Dict<string>,
  known: readonly string[],
): string[] {
  const problems: string[] = [];
  for (const name of Object.keys({ ...inFile, ...inEnvironment })) {
    if (known.includes(name) || OIDC_VARIABLE.test(name) || isSecretFileName(name) || FOREIGN.has(name)) continue;
    const meant = nearest(name, known, name in inFile ? typosAllowed : (setting) => (setting.length >= 12 ? 1 : 0));
    if (meant === undefined && !OWN_PREFIXES.test(name) && !(name.startsWith('OIDC_') && name in inFile)) continue;
    problems.push(`${name} is no setting${meant === undefined ? '' : `; did you mean ${meant}`}${meant ? '?' : '.'}`);
  }
  return problems;
}

function typosAllowed(setting: string): number {
  return setting.length >= 7 ? 2 : 1;
}

function nearest(name: string, known: readonly string[], allowed: (setting: string) => number): string | undefined {
  let best: { setting: string; typos: number } | undefined;
  const folded = fold(name);
  for (const setting of known) {
    if (Math.abs(setting.length - name.length) > 3) continue;
    const typos = distance(folded, fold(setting));
    if (typos <= allowed(setting) && typos < (best?.typos ?? Number.POSITIVE_INFINITY)) best = { setting, typos };
  }
  return best?.setting;
}

/** Ignores case and separators. */
function fold(name: string): string {
  return name.toUpperCase().replaceAll(/[-_.]/g, '');
}

/** Edit distance with swaps of neighbours (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
