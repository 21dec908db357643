import { CHAT_ROLES, type ChatRole } from '../chat-role.js';
import { badInput, DomainError } from '../errors.js';
import { type ChatAction, type NeededRole, ruleOf } from './rights.js';

/*
 * Why something is refused in a chat, by rule.
 */

/** The member's role does not allow the action. `FORBIDDEN`, rule `chat.role`. */
export function roleTooLow(action: ChatAction): DomainError {
  return needsRole(ruleOf(action).needs);
}

/** The target's role is not lower than the actor's. `FORBIDDEN`, rule `chat.role`. */
export function rankTooLow(targetRole: ChatRole): DomainError {
  const above = CHAT_ROLES[CHAT_ROLES.indexOf(targetRole) + 1];
  if (above) return needsRole(above);
  return new DomainError('FORBIDDEN', 'Only an admin may do this to an owner.', { rule: 'chat.role' });
}

/** Only members with at least this role may. `FORBIDDEN`, rule `chat.role`. */
export function needsRole(role: NeededRole): DomainError {
  const message = role === 'admin' ? 'Only an admin may do this.' : `This takes the role ${role} in the chat.`;
  return new DomainError('FORBIDDEN', message, { rule: 'chat.role', needs: role });
}

/** Nobody does this in a direct chat. `FORBIDDEN`, rule `chat.direct`. */
export function notInDirectChat(): DomainError {
  return new DomainError('FORBIDDEN', 'A direct chat has the same two members for ever, and no other roles.', {
    rule: 'chat.direct',
  });
}

/** `FORBIDDEN`, rule `chat.not_member`: an admin who reads the chat has no membership in it. */
export function notMember(): DomainError {
  return new DomainError('FORBIDDEN', 'Only members of the chat may do this.', { rule: 'chat.not_member' });
}

/** `FORBIDDEN`, rule `chat.archived`. */
export function chatArchived(): DomainError {
  return new DomainError('FORBIDDEN', 'This chat is archived: it can be read, and not changed.', {
    rule: 'chat.archived',
  });
}

/** `FORBIDDEN`, rule `chat.posting_role`. */
export function postingRoleTooLow(postingRole: ChatRole): DomainError {
  return new DomainError('FORBIDDEN', `In this chat, writing takes the role ${postingRole}.`, {
    rule: 'chat.posting_role',
    needs: postingRole,
  });
}

/** `FORBIDDEN`, rule `member.muted`. */
export function muted(): DomainError {
  return new DomainError('FORBIDDEN', 'You are muted in this chat.', { rule: 'member.muted' });
}

/** `FORBIDDEN`, rule `direct.blocked`. */
export function directBlocked(): DomainError {
  return new DomainError('FORBIDDEN', 'This user does not take messages from you.', { rule: 'direct.blocked' });
}

/** `RATE_LIMITED`, rule `chat.slow_mode`. */
export function tooSoon(retryAfterMs: number): DomainError {
  return new DomainError('RATE_LIMITED', 'This chat is in slow mode: your last message was sent a moment ago.', {
    rule: 'chat.slow_mode',
    retryAfterMs,
  });
}

/** `FORBIDDEN`, rule `user.inactive`. */
export function userInactive(): DomainError {
  return new DomainError('FORBIDDEN', 'This user is not active.', { rule: 'user.inactive' });
}

/** The change would leave the chat without an owner. `CONFLICT`, rule `chat.last_owner`. */
export function lastOwner(): DomainError {
  return new DomainError('CONFLICT', 'This is the last owner of the chat: make another member an owner first.', {
    rule: 'chat.last_owner',
  });
}

/** The user is banned from the chat, and cannot be added. `CONFLICT`, rule `user.banned`. */
export function userBanned(): DomainError {
  return new DomainError('CONFLICT', 'This user is banned from the chat: end the ban first.', { rule: 'user.banned' });
}

/** Nobody mutes an admin, who may do everything in every chat. `FORBIDDEN`, rule `chat.role`. */
export function adminNotMuted(): DomainError {
  return new DomainError('FORBIDDEN', 'This user is an admin, and cannot be muted.', { rule: 'chat.role' });
}

/** The time is not in the future. */
export function timePast(field: string): DomainError {
  return badInput(field, `${field} must be in the future.`);
}
