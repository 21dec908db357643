import type { TrustedIssuer } from '../domain/access/issuers/trusted-issuer.js';
import type { Scope } from '../domain/viewer.js';
import { isIssuer } from './providers.js';

/** A line's words by their names. */
type Words = ReadonlyMap<string, string>;

/** The words of a line, with what each value must be. */
const RULES: Readonly<Record<string, { pattern: RegExp; rule: string }>> = {
  audience: { pattern: /^[^,]+(,[^,]+)*$/, rule: 'one or more audiences, separated by commas' },
  admin: { pattern: /^(https?:\/\/)?[^:]+:.+$/, rule: 'a claim and the value of admins, such as roles:chat-admin' },
  id: { pattern: /^/, rule: 'a claim' },
  name: { pattern: /^/, rule: 'a claim' },
  create: { pattern: /^(on|off)$/, rule: 'on or off' },
  sync: { pattern: /^(on|off)$/, rule: 'on or off' },
  scopes: { pattern: /^(read|write)(,(read|write))*$/, rule: 'read, write or both, separated by commas' },
  keys: { pattern: /^/, rule: 'an https URL' },
};

/** Of a claim whose name is a URL, the colon of its scheme ends nothing. */
const ADMIN = /^((?:https?:\/\/)?[^:]+):(.+)$/;

/** Reads `TRUSTED_ISSUERS`. Adds a sentence to `problems` for each mistake. */
export function readTrustedIssuers(given: NodeJS.Dict<string>, problems: string[]): readonly TrustedIssuer[] {
  const lines = (given.TRUSTED_ISSUERS ?? '').split(';').map((line) => line.trim().split(/\s+/));
  const allowsHttp = given.NODE_ENV !== 'production';
  const issuers = lines
    .filter(([issuer]) => issuer !== '')
    .flatMap((line) => readLine(line, allowsHttp, (problem) => problems.push(`TRUSTED_ISSUERS ${problem}`)) ?? []);
  const names = issuers.map(({ issuer }) => issuer);
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index)))
    problems.push(`TRUSTED_ISSUERS must name ${name} once.`);
  // The tokens of one could name the users of the other.
  const withIds = issuers.filter(({ idClaim }) => idClaim !== undefined).map(({ issuer }) => issuer);
  if (withIds.length > 1)
    problems.push(`TRUSTED_ISSUERS must have id= behind one issuer alone, not behind ${withIds.join(' and ')}.`);
  return issuers;
}

/** Undefined for a line with a mistake. */
function readLine(
  [issuer = '', ...rest]: string[],
  allowsHttp: boolean,
  report: (problem: string) => void,
): TrustedIssuer | undefined {
  let isRight = true;
  const problem = (text: string) => {
    isRight = false;
    report(text);
  };
  const isUrl = (text: string) => isIssuer(text) && (allowsHttp || text.startsWith('https:'));
  if (!isUrl(issuer))
    problem(`must begin each issuer with its https URL, without query and fragment, not "${issuer}".`);
  const words = readWords(rest, issuer, problem);
  const audience = words.get('audience');
  if (audience === undefined) problem(`must give ${issuer} an audience, such as audience=chat.`);
  const keysUrl = words.get('keys');
  if (keysUrl !== undefined && !isKeysUrl(keysUrl, allowsHttp))
    problem(`has keys=${keysUrl}, which must be an https URL.`);
  return isRight ? toIssuer(issuer, words) : undefined;
}

function readWords(texts: readonly string[], issuer: string, problem: (text: string) => void): Words {
  const words = new Map<string, string>();
  for (const text of texts) {
    const [, name = '', value = ''] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (rule === undefined)
      problem(`has the word "${text}" behind ${issuer}; known are ${Object.keys(RULES).join('=, ')}=.`);
    else if (words.has(name)) problem(`must have ${name}= once behind ${issuer}.`);
    else if (!rule.pattern.test(value)) problem(`has ${text}, which must be ${rule.rule}.`);
    words.set(name, value);
  }
  return words;
}

function isKeysUrl(text: string, allowsHttp: boolean): boolean {
  const withoutQuery = text.replace(/\?[^#]*$/, '');
  return isIssuer(withoutQuery) && (allowsHttp || text.startsWith('https:'));
}

function toIssuer(issuer: string, words: Words): TrustedIssuer {
  const [, claim, value] = ADMIN.exec(words.get('admin') ?? '') ?? [];
  const scopes = words.get('scopes')?.split(',') ?? [];
  return Object.freeze({
    issuer,
    audiences: Object.freeze(words.get('audience')?.split(',') ?? []),
    keysUrl: words.get('keys'),
    admin: claim !== undefined && value !== undefined ? Object.freeze({ claim, value }) : undefined,
    idClaim: words.get('id'),
    nameClaim: words.get('name') ?? 'preferred_username',
    createsUsers: words.get('create') === 'on',
    syncsNames: words.get('sync') === 'on',
    defaultScopes: Object.freeze((['read', 'write'] satisfies Scope[]).filter((scope) => scopes.includes(scope))),
  });
}
