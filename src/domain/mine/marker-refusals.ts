import { badInput, chatBusy, chatNotFound, DomainError } from '../errors.js';
import { isAdmin, type Viewer } from '../viewer.js';

/*
 * Why a change of a member's own state is refused, by the outcomes of the functions in prisma/functions.
 */

export type MineRefusal = 'no_chat' | 'no_member' | 'beyond' | 'no_thread' | 'busy';

/** @param seqField the argument that names a number of the chat */
export function mineRefused(outcome: MineRefusal, viewer: Viewer, seqField: 'seq' | 'fromSeq' = 'seq'): DomainError {
  switch (outcome) {
    case 'no_chat':
      return chatNotFound();
    case 'no_member':
      return isAdmin(viewer) ? notMember() : chatNotFound();
    case 'beyond':
      return wrongSeq(seqField);
    case 'no_thread':
      return badInput('thread', 'thread must be the id of a message of this chat that has replies in a thread.');
    case 'busy':
      return chatBusy();
  }
}

/** The number is not one of the chat. */
export function wrongSeq(field: 'seq' | 'fromSeq'): DomainError {
  const from = field === 'seq' ? 0 : 1;
  return badInput(field, `${field} must be from ${from} to the chat’s newest number.`);
}

/** An admin reads every chat, and has a state in those alone that they are a member of. */
function notMember(): DomainError {
  return new DomainError('FORBIDDEN', 'Only members of the chat have read markers and preferences there.', {
    rule: 'chat.not_member',
  });
}

/** @param retryAfterMs milliseconds until markers of the user are written again */
export function tooManyMarkers(retryAfterMs: number): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many read markers of yours wait to be written. Please slow down.', {
    rule: 'marker.rate',
    retryAfterMs,
  });
}
