import { badInput } from '../errors.js';
import { foldCase, normalizeName, requireVisible } from '../names.js';
import { checkText, isUuid, normalized } from '../text.js';

/** The names of direct chats, as `open_direct_chat` makes them, and whatever looks like one. Folded. */
const DIRECT_CHAT_NAME = /^dm-[0-9a-f-]{36}$/;

/** The key by which names are compared: names that differ in case or Unicode composition only have the same. */
export function foldName(name: string): string {
  return normalized(foldCase(normalizeName(name)), 'NFC');
}

/**
 * Returns the name of a new chat as it is stored, and its key. For new names only: stored names that break a newer rule stay valid.
 * @param field the field that an error names
 * @throws DomainError `BAD_USER_INPUT`
 */
export function checkChatName(field: string, given: string): { name: string; nameKey: string } {
  const name = normalizeName(given);
  checkText(field, name, {
    min: 1,
    max: 100,
    pattern: { expression: /^[^/\p{Cc}]+$/u, rule: 'must not contain "/" or control characters.' },
  });
  requireVisible(field, name);
  // https://url.spec.whatwg.org/#double-dot-path-segment: clients remove these segments from a path, percent-encoded or not.
  if (name === '.' || name === '..') throw badInput(field, `${field} must not be "${name}", which no URL can carry.`);
  const nameKey = foldName(name);
  if (isUuid(nameKey) || DIRECT_CHAT_NAME.test(nameKey))
    throw badInput(field, `${field} must not look like the id of a chat, nor like the name of a direct chat.`);
  return { name, nameKey };
}
