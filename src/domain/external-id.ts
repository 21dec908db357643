import { checkText } from './text.js';

/** Longest id of a user or chat in another system, in characters. */
const MAX_EXTERNAL_ID = 200;

/**
 * Returns the id that another system has for a user or a chat. It is compared as it is: case and composition count.
 * @throws DomainError `BAD_USER_INPUT` unless it has 1 to 200 characters and no control characters
 */
export function checkExternalId(field: string, externalId: string): string {
  return checkText(field, externalId, {
    min: 1,
    max: MAX_EXTERNAL_ID,
    pattern: { expression: /^\P{Cc}+$/u, rule: 'must not contain control characters.' },
  });
}

/** Whether a user or a chat can have this id in another system. */
export function isExternalId(text: string): boolean {
  return text.length <= 2 * MAX_EXTERNAL_ID && text.isWellFormed() && /^\P{Cc}{1,200}$/u.test(text);
}
