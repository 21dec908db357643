import { badInput } from '../domain/errors.js';
import { isUuid } from '../domain/text.js';

/** The most that one page of a list holds; also what a list without `first` ends at. */
export const MAX_PAGE = 500;

/** The highest number that a change of a chat can have. */
export const MAX_SEQ = 2 ** 31 - 1;

/** How long lists are taken to be, when an operation is weighed that does not say. */
export const USUAL_LENGTH = { users: 100, chats: 50, members: 20 };

/** A list's part in the weight of an operation (`documents.ts`). A length out of bounds is left to its field to refuse. */
export function listWeight(asked: number | null | undefined, usual: number, max: number) {
  return { field: 1, multiplier: Math.min(asked ?? usual, max) };
}

/** @throws DomainError `BAD_USER_INPUT` unless `value` is within the bounds, both included. */
export function checkBetween(field: string, value: number, min: number, max: number): number {
  if (value < min || value > max) throw badInput(field, `${field} must be from ${min} to ${max}.`);
  return value;
}

export interface Page {
  first?: number | null | undefined;
  after?: string | null | undefined;
}

/** Ids are UUIDv7, so their order is that of creation. @throws DomainError `BAD_USER_INPUT` for an unfit `first` or `after`. */
export function checkPage({ first, after }: Page): { first: number; after: string | undefined } {
  if (after != null && !isUuid(after)) throw badInput('after', 'after must be the id of the last item that you have.');
  return { first: checkBetween('first', first ?? MAX_PAGE, 1, MAX_PAGE), after: after ?? undefined };
}
