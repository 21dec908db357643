import type { ChatRole } from '../chat-role.js';
import { chatNotFound, type DomainError } from '../errors.js';
import { signInEnded } from '../people/acting-admin.js';
import { chatArchived, directBlocked, muted, notInDirectChat, postingRoleTooLow, roleTooLow } from './chat-refusals.js';
import type { ChatAction } from './rights.js';

/** The refusals of `lock_chat_for`; its file in `prisma/functions` explains each. */
const REFUSALS = [
  'no_chat',
  'outsider',
  'signed_out',
  'direct',
  'role',
  'archived',
  'posting_role',
  'blocked',
  'muted',
] as const;
export type AccessRefusal = (typeof REFUSALS)[number];

export function isAccessRefusal(outcome: string): outcome is AccessRefusal {
  return REFUSALS.some((refusal) => refusal === outcome);
}

/**
 * The error of a statement that refused: `NOT_FOUND`, `UNAUTHENTICATED`, or `FORBIDDEN` with one of the rules `chat.direct`, `chat.role`,
 * `chat.archived`, `chat.posting_role`, `direct.blocked` and `member.muted`.
 * @param needs the role that the refusal asks for, where the statement says it
 */
export function accessRefused(refusal: AccessRefusal, action: ChatAction, needs: ChatRole = 'owner'): DomainError {
  switch (refusal) {
    case 'no_chat':
    case 'outsider':
      return chatNotFound();
    case 'signed_out':
      return signInEnded();
    case 'direct':
      return notInDirectChat();
    case 'role':
      return roleTooLow(action);
    case 'archived':
      return chatArchived();
    case 'posting_role':
      return postingRoleTooLow(needs);
    case 'blocked':
      return directBlocked();
    case 'muted':
      return muted();
  }
}
