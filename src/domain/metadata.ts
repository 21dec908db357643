import { badInput, type DomainError } from './errors.js';

/** A JSON object of the clients'. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Objects and lists within each other, the metadata itself included. */
const MAX_NESTING = 5;

/**
 * Returns the value when it may be metadata: a JSON object of at most `maxBytes` in UTF-8, which PostgreSQL can store. Numbers count as
 * PostgreSQL writes them, without an exponent: 1e300 has 301 digits.
 * @throws DomainError `BAD_USER_INPUT`, field `metadata`, naming the rule
 */
export function checkMetadata(value: unknown, maxBytes: number): Metadata {
  if (!isObject(value) || Array.isArray(value)) throw refused('must be a JSON object.');
  const digits = checkValue(value, 0);
  if (Buffer.byteLength(JSON.stringify(value)) + digits > maxBytes)
    throw refused(`must have at most ${maxBytes} bytes as JSON in UTF-8, numbers without an exponent.`);
  return value;
}

/** Checks all values within. Returns how many digits PostgreSQL adds to the numbers. */
function checkValue(value: unknown, level: number): number {
  if (typeof value === 'string') checkString(value);
  if (typeof value === 'number') return addedDigits(value);
  if (!isObject(value)) return 0;
  if (level === MAX_NESTING) throw refused(`must have at most ${MAX_NESTING} levels of objects and lists.`);
  let digits = 0;
  for (const key of Object.keys(value)) {
    checkString(key);
    digits += checkValue(value[key], level + 1);
  }
  return digits;
}

function checkString(text: string): void {
  if (text.includes('\0')) throw refused('must not contain U+0000.');
  if (!text.isWellFormed()) throw refused('must be well-formed Unicode: it has a lone surrogate.');
}

function addedDigits(number: number): number {
  // JSON has no infinity: JSON.parse makes one of 1e999.
  if (!Number.isFinite(number)) throw refused('must have numbers of at most 1.7976931348623157e308.');
  const [, exponent = '0'] = String(number).split('e');
  return Math.abs(Number(exponent));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function refused(rule: string): DomainError {
  return badInput('metadata', `metadata ${rule}`);
}
