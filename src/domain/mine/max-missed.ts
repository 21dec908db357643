import { badInput } from '../errors.js';

/** How many missed changes of a chat an inbox sends, unless the client says another number. */
export const DEFAULT_MAX_MISSED = 500;
const MOST = 5000;

/** @throws DomainError `BAD_USER_INPUT`, field `maxMissed` */
export function checkMaxMissed(given: number): number {
  if (Number.isInteger(given) && given >= 0 && given <= MOST) return given;
  throw badInput('maxMissed', `maxMissed must be a number from 0 to ${MOST}.`);
}
