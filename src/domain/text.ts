import { badInput } from './errors.js';

interface TextRule {
  min: number;
  max: number;
  /** What the text must match, with the sentence that says so. */
  pattern?: { expression: RegExp; rule: string };
}

/** Characters as people count them: code points, as PostgreSQL's varchar does. */
function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Returns `text` when it keeps the rule of its field. Lengths are in code points.
 * @throws DomainError `BAD_USER_INPUT` naming the field and the rule.
 */
export function checkText(field: string, text: string, { min, max, pattern }: TextRule): string {
  if (text.includes('\0')) throw badInput(field, `${field} must not contain U+0000.`);
  // A lone surrogate has no UTF-8 form; the database would store something else than was sent.
  if (!text.isWellFormed()) throw badInput(field, `${field} must be well-formed Unicode: it has a lone surrogate.`);
  // UTF-16 units bound the code points, so that a huge text is refused without being walked.
  const length = text.length > 2 * max ? max + 1 : countCharacters(text);
  if (length < min || length > max) throw badInput(field, `${field} must have ${min} to ${max} characters.`);
  if (pattern && !pattern.expression.test(text)) throw badInput(field, `${field} ${pattern.rule}`);
  return text;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id that is no UUID is an id of nothing; asking PostgreSQL with it would be an error of its type. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}
