import { badInput } from './errors.js';

/** UTF-16 units. A text of 256 characters, the longest limit of a name or password, has fewer in any composition. */
const MAX_NORMALIZED = 1024;

/**
 * The text in a normalization form (https://unicode.org/reports/tr15/). A longer text than any name or password may be is returned
 * unchanged, for a later check of its length to refuse: the time grows with the square of a run of combining marks, 0.4 ms for a
 * thousand and 4 s for 64,000.
 */
export function normalized(text: string, form: 'NFC' | 'NFKC'): string {
  return text.length > MAX_NORMALIZED ? text : text.normalize(form);
}

interface TextRule {
  min: number;
  max: number;
  /** What the text must match, and the end of the error message, behind the name of the field. */
  pattern?: { expression: RegExp; rule: string };
}

/** Counts code points, as PostgreSQL's varchar does. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Returns `text` when it follows the rule of its field. Lengths are in code points.
 * @throws DomainError `BAD_USER_INPUT` naming the field and the rule.
 */
export function checkText(field: string, text: string, { min, max, pattern }: TextRule): string {
  if (text.includes('\0')) throw badInput(field, `${field} must not contain U+0000.`);
  // A lone surrogate has no UTF-8 form: the database would store another text.
  if (!text.isWellFormed()) throw badInput(field, `${field} must be well-formed Unicode: it has a lone surrogate.`);
  // A code point has at most two UTF-16 units, so a huge text is refused without counting.
  const length = text.length > 2 * max ? max + 1 : countCharacters(text);
  if (length < min || length > max) throw badInput(field, `${field} must have ${min} to ${max} characters.`);
  if (pattern && !pattern.expression.test(text)) throw badInput(field, `${field} ${pattern.rule}`);
  return text;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** False for an id that nothing can have. PostgreSQL would refuse it with an error. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}

/** The id as PostgreSQL writes it, for caches, topics and comparisons; undefined when it is not a UUID. */
export function canonicalId(id: string): string | undefined {
  return isUuid(id) ? id.toLowerCase() : undefined;
}
