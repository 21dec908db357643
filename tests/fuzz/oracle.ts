import { hostname } from 'node:os';
import { Violation } from './violation.js';
import type { HttpResponse } from './wire/http-responses.js';

/** What an answer may be. */
export interface Rules {
  /** Of HTTP. */
  statuses: readonly number[];
  /** @throws Violation for what the status alone does not say. */
  check?: (response: HttpResponse) => void;
  /** Answers that hand out a token. */
  handsOutSecrets?: (response: HttpResponse) => boolean;
}

const SECRET = /\bc(?:at|rt|ac|bs|cs)_[\w-]{43}/g;

/** What an answer never holds: inner parts of the service, by what they look like. */
const LEAKS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a stack', /(?:\\n|\n)\s+at \S|node_modules|node:internal|\bdist\/|file:\/\/|\.[jt]s:\d+/],
  [
    'a text of the runtime',
    /\b(?:Type|Range|Reference|Syntax)Error\b|Cannot read propert|is not a function|is not iterable|Maximum call stack/,
  ],
  ['SQL', /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\s+["\w*].*\b(?:FROM|VALUES|SET|WHERE)\b/],
  [
    'a text of PostgreSQL',
    /syntax error at or near|duplicate key|violates|relation "|relation \\"|column "|column \\"|invalid input syntax|invalid byte sequence|null value in column|statement timeout|deadlock detected|could not serialize|unsupported Unicode/,
  ],
  ['an SQLSTATE', /\b(?:22P02|22P05|22021|22003|23502|23503|23505|40P01|40001|42P01|42601|42703|57014)\b/],
  ['a text of Prisma', /prisma|\bP[12]0\d\d\b/i],
  ['a text of the system', /\bE(?:CONNREFUSED|CONNRESET|NOENT|ACCES|PIPE|ADDRINUSE)\b|postgres(?:ql)?:\/\/|redis:\/\//],
  ['a hash', /\$argon2|pbkdf2_|sha256:/],
];

/** What is looked for in answers beside the patterns: parts of this machine and of the database. */
export interface Hints {
  /** Names of tables and columns that are no words of the wire. */
  names: readonly string[];
  /** Addresses, paths and passwords. */
  texts: readonly string[];
}

/** Says what is wrong with an answer, whatever was asked. */
export class Oracle {
  private readonly names: RegExp | undefined;
  private readonly texts: readonly string[];

  /** `refusesExcess`: the service has limits that a run reaches, and says so with 429 and 503. */
  constructor(
    hints: Hints,
    private readonly refusesExcess: boolean,
  ) {
    this.names = hints.names.length > 0 ? new RegExp(`\\b(?:${hints.names.join('|')})\\b`) : undefined;
    this.texts = [hostname(), ...hints.texts].filter((text) => text.length > 3 && text !== 'localhost');
  }

  /**
   * `sent` is what was asked: a secret in it may be said back.
   * @throws Violation for a text that tells of the service's inner parts, or holds a secret that nobody sent.
   */
  text(text: string, sent: string): void {
    for (const [what, pattern] of LEAKS) {
      const found = pattern.exec(text);
      if (found) throw new Violation(`The answer holds ${what}: ${JSON.stringify(around(text, found.index))}`);
    }
    const name = this.names?.exec(text);
    if (name)
      throw new Violation(`The answer holds a name of the database: ${JSON.stringify(around(text, name.index))}`);
    const hint = this.texts.find((each) => text.includes(each));
    if (hint !== undefined) throw new Violation(`The answer holds "${hint}".`);
    const secret = text.match(SECRET)?.find((each) => !sent.includes(each));
    if (secret !== undefined) throw new Violation(`The answer holds a secret: ${text.slice(0, 300)}`);
  }

  /** @throws Violation for an answer that is not documented. */
  response(response: HttpResponse, rules: Rules, sent: string): void {
    const { status, headers, body } = response;
    this.text(body, rules.handsOutSecrets?.(response) ? body : sent);
    this.text([...headers].map(([name, value]) => `${name}: ${value}`).join('\n'), sent);
    if (this.refusesExcess && (status === 429 || status === 503) && headers.has('retry-after')) return;
    if (!rules.statuses.includes(status))
      throw new Violation(`The status ${status} is not documented: ${body.slice(0, 500)}`);
    if (status === 401 && !headers.has('www-authenticate')) throw new Violation('401 without WWW-Authenticate.');
    if (status === 405 && !headers.has('allow')) throw new Violation('405 without Allow.');
    rules.check?.(response);
  }

  /** `allowed` beside the codes that limits have. @throws Violation */
  closeCode(code: number, allowed: readonly number[]): void {
    if (this.refusesExcess && (code === 1013 || code === 4429)) return;
    if (!allowed.includes(code)) throw new Violation(`The close code ${code} is not documented.`);
  }

  /** A code of an error, over GraphQL or on the raw channel. @throws Violation */
  errorCode(code: unknown, allowed: readonly string[]): void {
    if (this.refusesExcess && (code === 'RATE_LIMITED' || code === 'SERVICE_UNAVAILABLE')) return;
    if (typeof code !== 'string' || !allowed.includes(code))
      throw new Violation(`The error code ${String(code)} is not documented.`);
  }
}

/** @throws Violation */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new Violation(`No JSON object: ${JSON.stringify(text.slice(0, 300))}`);
}

/** @throws Violation when a member is missing, of another type, or not among these. A name with `?` may be missing. */
export function checkMembers(
  object: Record<string, unknown>,
  members: Record<string, 'string' | 'number' | 'object'>,
): void {
  const known = Object.keys(members).map((name) => name.replace('?', ''));
  const extra = Object.keys(object).find((name) => !known.includes(name));
  if (extra !== undefined)
    throw new Violation(`The member "${extra}" is not documented: ${JSON.stringify(object).slice(0, 300)}`);
  for (const [name, type] of Object.entries(members)) {
    const value = object[name.replace('?', '')];
    if (value === undefined && name.endsWith('?')) continue;
    if (typeof value !== type)
      throw new Violation(`The member "${name}" is ${typeof value}: ${JSON.stringify(object).slice(0, 300)}`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function around(text: string, index: number): string {
  return text.slice(Math.max(0, index - 80), index + 160);
}
