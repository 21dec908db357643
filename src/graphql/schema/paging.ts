import { badInput } from '../../domain/errors.js';
import { isUuid } from '../../domain/text.js';

/** The longest page of a list, and the length of a list without `first`. */
export const MAX_PAGE = 500;

/** The highest number that a change of a chat can have. */
export const MAX_SEQ = 2 ** 31 - 1;

/** The assumed length of lists without `first`, for an operation's weight. */
export const USUAL_LENGTH = {
  users: 100,
  bots: 20,
  chats: 50,
  members: 20,
  mentions: 2,
  reactions: 2,
  history: 2,
  pins: 5,
  hooks: 5,
  auditEntries: 100,
  invitations: 5,
  reports: 20,
  blocked: 5,
  presences: 20,
};

/** The weight of a field that is read by a statement of its own for each object. */
export const OWN_STATEMENT = 50;

/** A list's share of its operation's weight (`documents.ts`). Its field refuses a length that is out of bounds. */
export function listWeight(asked: number | null | undefined, usual: number, max: number) {
  return { field: 1, multiplier: Math.min(asked ?? usual, max) };
}

/** @throws DomainError `BAD_USER_INPUT` unless `value` is between `min` and `max`, both included. */
export function checkBetween(field: string, value: number, min: number, max: number): number {
  if (value < min || value > max) throw badInput(field, `${field} must be from ${min} to ${max}.`);
  return value;
}

export interface Page {
  first?: number | null | undefined;
  after?: string | null | undefined;
}

/**
 * Checks the arguments of a list, of at most `max` items. Lists are in the order of creation (`domain/created-seq.ts`).
 * @throws DomainError `BAD_USER_INPUT` for an invalid `first` or `after`.
 */
export function checkPage({ first, after }: Page, max = MAX_PAGE): { first: number; after: string | undefined } {
  if (after != null && !isUuid(after)) throw badInput('after', 'after must be the id of the last item that you have.');
  return { first: checkBetween('first', first ?? max, 1, max), after: after ?? undefined };
}
