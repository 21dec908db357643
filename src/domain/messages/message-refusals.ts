import type { ChatRole } from '../chat-role.js';
import { DomainError } from '../errors.js';

/*
 * Why a change of a message is refused, by the outcomes of the functions in prisma/functions.
 */

/** The chat has no such message. */
export function messageNotFound(field: 'messageId' | 'messageIds'): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such message in this chat.', { field });
}

/** @param needs the role that does this to the messages of others; undefined when none does */
export function notYours(needs?: ChatRole): DomainError {
  const who = needs === undefined ? 'Only who sent it may' : `Only who sent it, or the role ${needs} in the chat, may`;
  return new DomainError('FORBIDDEN', `This message is another user’s. ${who} do this.`, {
    rule: 'message.not_yours',
    ...(needs !== undefined && { needs }),
  });
}

export function messageDeleted(): DomainError {
  return new DomainError('CONFLICT', 'This message is deleted.', { field: 'messageId', rule: 'message.deleted' });
}

/** Somebody edited the message after the client read it. */
export function otherRevision(): DomainError {
  return new DomainError('CONFLICT', 'The message was edited in the meantime: load it again.', { field: 'revision' });
}

export function editWindowOver(): DomainError {
  return new DomainError('FORBIDDEN', 'This message is too old to be edited.', { rule: 'edit.window' });
}

/** @param retryAfterMs milliseconds until the next edit may come */
export function tooManyEdits(retryAfterMs: number): DomainError {
  return new DomainError('RATE_LIMITED', 'This message was edited 10 times within a minute. Please slow down.', {
    rule: 'edit.rate',
    retryAfterMs,
  });
}

export function pinsFull(): DomainError {
  return new DomainError('CONFLICT', 'The chat has as many pins as it can: unpin another message first.', {
    rule: 'chat.pins_full',
  });
}

/** Earlier versions are for who sent the message, and for who may delete it. */
export function historyRefused(needs: ChatRole): DomainError {
  return new DomainError('FORBIDDEN', `Earlier versions are for who sent the message and for the role ${needs}.`, {
    rule: 'message.history',
    needs,
  });
}
