import type { ChatKind } from '../chat-kind.js';
import { CHAT_ROLES, type ChatRole } from '../chat-role.js';
import { chatNotFound, DomainError } from '../errors.js';
import { isAdmin, requireScope, type Scope, type Viewer } from '../viewer.js';
import type { Standing } from './standings.js';

/**
 * The table of rights: the lowest role in a group chat that each action needs. Statements that write get the role from here and check
 * it again in their transaction. An admin may do everything in every group chat, member or not, and to its owners too.
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

/** What a direct chat is for its two members, who have the role `member` for ever. An admin has no other rights in it than they have. */
const NEEDED_IN_DIRECT = { pin: 'member' } as const satisfies Partial<Record<ChatAction, ChatRole>>;
/** What nobody does in a direct chat. */
const NEVER_IN_DIRECT: readonly ChatAction[] = ['remove', 'roles'];

/** The lowest role that deletes everybody's messages, and so reads and drops their earlier versions. */
export const DELETES_OTHERS: ChatRole = 'moderator';

/** What `mentionAll` needs in a chat with many members (`MENTION_ALL_LIMIT`). */
export const LARGE_CHAT_MENTION_ALL: ChatRole = 'owner';

/** Which chats admins read without being a member: all group chats, and direct chats where it is switched on. */
export interface AdminReading {
  /** Default: false. */
  adminsReadDirectChats?: boolean | undefined;
}

export function neededRole(action: ChatAction, kind: ChatKind = 'group'): ChatRole {
  const needed: Record<ChatAction, ChatRole> =
    kind === 'direct' ? { ...NEEDED_ROLE, ...NEEDED_IN_DIRECT } : NEEDED_ROLE;
  return needed[action];
}

/**
 * The actions that the viewer's standing in a chat and the scopes of their token allow; none in a chat that does not exist. The caller
 * has checked that the viewer may read the chat: so an admin who is no member of a direct chat reads it, and nothing else.
 */
export function allowedActions(viewer: Viewer | null, standing: Standing | undefined): ChatAction[] {
  if (!standing) return [];
  const may = (action: ChatAction) => (action === 'read' && isAdmin(viewer)) || mayDo(viewer, standing, action);
  return CHAT_ACTIONS.filter((action) => may(action) && viewer?.scopes.has(scopeOf(action)));
}

function mayDo(viewer: Viewer | null, standing: Standing, action: ChatAction): boolean {
  if (standing.kind === 'direct' && NEVER_IN_DIRECT.includes(action)) return false;
  return isAtLeast(viewer, standing, neededRole(action, standing.kind));
}

/** Whether the viewer, who is this in a chat, may do what the needed role may. */
export function isAtLeast(viewer: Viewer | null, standing: Standing | undefined, needed: ChatRole): boolean {
  if (!standing) return false;
  return (
    actsAsAdmin(viewer, standing) || (standing.role !== undefined && rankIn(viewer, standing.role) >= rankOf(needed))
  );
}

/** A token that is narrowed to chats has the rights of a member at most. */
function rankIn(viewer: Viewer | null, role: ChatRole): number {
  return viewer?.chats ? Math.min(rankOf(role), rankOf('member')) : rankOf(role);
}

/** A direct chat is its two members' alone. */
function actsAsAdmin(viewer: Viewer | null, { kind }: Standing): boolean {
  return isAdmin(viewer) && kind === 'group';
}

/**
 * @throws DomainError `FORBIDDEN` when the token lacks the scope; `NOT_FOUND` when there is no such chat, or the viewer is neither a
 * member nor, in a group chat, an admin; `FORBIDDEN`, rule `chat.direct`, for what nobody does in a direct chat; `FORBIDDEN`, rule
 * `chat.role`, when the role is too low
 */
export function requireAction(viewer: Viewer, standing: Standing | undefined, action: ChatAction): void {
  requireScope(viewer, scopeOf(action));
  if (!standing || (standing.role === undefined && !actsAsAdmin(viewer, standing))) throw chatNotFound();
  if (standing.kind === 'direct' && NEVER_IN_DIRECT.includes(action)) throw notInDirectChat();
  if (!mayDo(viewer, standing, action)) throw roleTooLow(action);
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

/** Nobody does this in a direct chat. `FORBIDDEN`, rule `chat.direct`. */
export function notInDirectChat(): DomainError {
  return new DomainError('FORBIDDEN', 'A direct chat has the same two members for ever, and no other roles.', {
    rule: 'chat.direct',
  });
}

/** The change would leave the chat without an owner. `CONFLICT`, rule `chat.last_owner`. */
export function lastOwner(): DomainError {
  return new DomainError('CONFLICT', 'This is the last owner of the chat: make another member an owner first.', {
    rule: 'chat.last_owner',
  });
}

/** The kinds of chats that the viewer reads without being a member. */
export function kindsReadAsAdmin(viewer: Viewer | null, { adminsReadDirectChats }: AdminReading): ChatKind[] {
  if (!isAdmin(viewer)) return [];
  return adminsReadDirectChats ? ['group', 'direct'] : ['group'];
}

/**
 * An SQL condition: the viewer may read the chat `c`. Both arguments are SQL: the viewer's id, and the kinds of `kindsReadAsAdmin`, an
 * array. A statement that checks it and reads does both in one snapshot.
 */
export function mayReadSql(userId: string, kinds: string): string {
  return `(c.kind = ANY (${kinds}::chat_kind[]) OR EXISTS (
    SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = ${userId} AND m.left_at IS NULL))`;
}
