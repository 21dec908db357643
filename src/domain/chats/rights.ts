import { CHAT_ROLES, type ChatRole } from '../chat-role.js';
import { chatNotFound, DomainError } from '../errors.js';
import { isAdmin, requireScope, type Scope, type Viewer } from '../viewer.js';

/**
 * The table of rights: the lowest role in a chat that each action needs. Statements that write get the role from here and check it
 * again in their transaction. An admin may do everything in every chat, member or not, and to its owners too.
 */
const NEEDED_ROLE = {
  read: 'reader',
  send: 'member',
  react: 'member',
  edit: 'member',
  delete: 'member',
  pin: 'moderator',
  mentionAll: 'moderator',
  remove: 'moderator',
  roles: 'owner',
} as const satisfies Record<string, ChatRole>;

/** `edit` and `delete` are about the viewer's own messages. */
export type ChatAction = keyof typeof NEEDED_ROLE;
export const CHAT_ACTIONS: readonly ChatAction[] = [
  ...(['read', 'send', 'react', 'edit', 'delete'] as const),
  ...(['pin', 'mentionAll', 'remove', 'roles'] as const),
];

/** The lowest role that deletes everybody's messages, and so reads and drops their earlier versions. */
export const DELETES_OTHERS: ChatRole = 'moderator';

/** What `mentionAll` needs in a chat with many members (`MENTION_ALL_LIMIT`). */
export const LARGE_CHAT_MENTION_ALL: ChatRole = 'owner';

export function neededRole(action: ChatAction): ChatRole {
  return NEEDED_ROLE[action];
}

/** The actions that the viewer's role in a chat (undefined for no member) and the scopes of their token allow. */
export function allowedActions(viewer: Viewer | null, role: ChatRole | undefined): ChatAction[] {
  return CHAT_ACTIONS.filter(
    (action) => isAtLeast(viewer, role, NEEDED_ROLE[action]) && viewer?.scopes.has(scopeOf(action)),
  );
}

/** Whether the viewer, whose role in a chat this is (undefined for no member), may do what the needed role may. */
export function isAtLeast(viewer: Viewer | null, role: ChatRole | undefined, needed: ChatRole): boolean {
  return isAdmin(viewer) || (role !== undefined && rankOf(role) >= rankOf(needed));
}

/**
 * @throws DomainError `FORBIDDEN` when the token lacks the scope; `NOT_FOUND` when the viewer is neither a member nor an admin;
 * `FORBIDDEN`, rule `chat.role`, when the role is too low
 */
export function requireAction(viewer: Viewer, role: ChatRole | undefined, action: ChatAction): void {
  requireScope(viewer, scopeOf(action));
  if (!isAdmin(viewer) && role === undefined) throw chatNotFound();
  if (!allowedActions(viewer, role).includes(action)) throw roleTooLow(action);
}

function scopeOf(action: ChatAction): Scope {
  return action === 'read' ? 'read' : 'write';
}

function rankOf(role: ChatRole): number {
  return CHAT_ROLES.indexOf(role);
}

/** The member's role does not allow the action. `FORBIDDEN`, rule `chat.role`. */
export function roleTooLow(action: ChatAction): DomainError {
  return needsRole(NEEDED_ROLE[action]);
}

/** The target's role is not lower than the actor's. `FORBIDDEN`, rule `chat.role`. */
export function rankTooLow(targetRole: ChatRole): DomainError {
  const above = CHAT_ROLES[rankOf(targetRole) + 1];
  if (above) return needsRole(above);
  return new DomainError('FORBIDDEN', 'Only an admin may do this to an owner.', { rule: 'chat.role' });
}

/** Only members with at least this role may. `FORBIDDEN`, rule `chat.role`. */
export function needsRole(role: ChatRole): DomainError {
  return new DomainError('FORBIDDEN', `This takes the role ${role} in the chat.`, { rule: 'chat.role', needs: role });
}

/** The change would leave the chat without an owner. `CONFLICT`, rule `chat.last_owner`. */
export function lastOwner(): DomainError {
  return new DomainError('CONFLICT', 'This is the last owner of the chat: make another member an owner first.', {
    rule: 'chat.last_owner',
  });
}

/**
 * An SQL condition: the viewer may read the chat `c`. Both arguments are SQL: the viewer's id, and whether the viewer is an admin. A
 * statement that checks it and reads does both in one snapshot.
 */
export function mayReadSql(userId: string, admin: string): string {
  return `(${admin} OR EXISTS (
    SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = ${userId} AND m.left_at IS NULL))`;
}
