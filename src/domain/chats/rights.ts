import type { ChatKind } from '../chat-kind.js';
import type { ChatRole } from '../chat-role.js';
import type { InvitePolicy } from '../invite-policy.js';
import { isAdmin, type Viewer } from '../viewer.js';

/** The lowest role in a group chat that an action needs. `admin` is no role in a chat: a user with the global role admin alone may. */
export type NeededRole = ChatRole | 'admin';

/** What holds for an action, beside the role that it needs. */
interface Rule {
  needs: NeededRole;
  /** What a direct chat is for its two members, who have the role `member` for ever: `never` for what nobody does in one. */
  inDirect?: ChatRole | 'never';
  /** An archived chat allows it: it takes no number, or it gets rid of somebody, or of the archive. */
  whileArchived?: true;
  /** A muted member may: it takes no number, and shows nothing to others. */
  whileMuted?: true;
  /** The role that it needs in a chat with many members (`MENTION_ALL_LIMIT`). */
  inLarge?: ChatRole;
  /** The role that it needs in a chat whose members invite. */
  ifMembersInvite?: ChatRole;
  /** It takes the chat's `postingRole` too. */
  posts?: true;
  /** It is a message: `slowSeconds` holds. */
  isSend?: true;
  /** It is done while doing this, whose checks come first. */
  partOf?: 'send';
  /** It is about the user's own membership: an admin who is no member has none. */
  ofMembers?: true;
}

/**
 * The table of rights. Statements that write get the row of their action (`rightOf`) and check it again in their transaction. An admin
 * may do everything in every group chat, member or not, and to its owners too.
 */
const RULES = {
  read: { needs: 'reader', whileArchived: true, whileMuted: true },
  markRead: { needs: 'reader', whileArchived: true, whileMuted: true, ofMembers: true },
  report: { needs: 'reader', whileArchived: true, whileMuted: true },
  leave: { needs: 'reader', whileArchived: true, whileMuted: true, ofMembers: true },
  react: { needs: 'member' },
  send: { needs: 'member', posts: true, isSend: true },
  reply: { needs: 'member', posts: true, isSend: true },
  upload: { needs: 'member', posts: true },
  type: { needs: 'member', posts: true },
  invite: { needs: 'moderator', ifMembersInvite: 'member', inDirect: 'never' },
  edit: { needs: 'member', posts: true },
  delete: { needs: 'member' },
  pin: { needs: 'moderator', inDirect: 'member' },
  mentionAll: { needs: 'moderator', partOf: 'send', inLarge: 'owner' },
  remove: { needs: 'moderator', inDirect: 'never', whileArchived: true },
  mute: { needs: 'moderator', inDirect: 'never' },
  ban: { needs: 'moderator', inDirect: 'never', whileArchived: true },
  slowMode: { needs: 'moderator', inDirect: 'never' },
  readReports: { needs: 'moderator', inDirect: 'never', whileArchived: true, whileMuted: true },
  roles: { needs: 'owner', inDirect: 'never' },
  rename: { needs: 'owner', inDirect: 'never' },
  settings: { needs: 'owner', inDirect: 'never' },
  archive: { needs: 'owner', inDirect: 'never', whileArchived: true },
  deleteChat: { needs: 'admin', inDirect: 'never', whileArchived: true },
} as const satisfies Record<string, Rule>;

/** `edit` and `delete` are about the user's own messages. */
export type ChatAction = keyof typeof RULES;

/** In the order of the contract. */
export const CHAT_ACTIONS: readonly ChatAction[] = [
  ...(['read', 'markRead', 'report', 'leave', 'react', 'send', 'reply', 'upload', 'type', 'invite'] as const),
  ...(['edit', 'delete', 'pin', 'mentionAll', 'remove', 'mute', 'ban', 'slowMode', 'readReports'] as const),
  ...(['roles', 'rename', 'settings', 'archive', 'deleteChat'] as const),
];

/** The lowest role that deletes everybody's messages, and so reads and drops their earlier versions. */
export const DELETES_OTHERS: ChatRole = 'moderator';

/** What `mentionAll` needs in a chat with many members. */
export const LARGE_CHAT_MENTION_ALL: ChatRole = RULES.mentionAll.inLarge;

/** Chats with more members than this are large ones; the setting `MENTION_ALL_LIMIT` says otherwise. */
export const MENTION_ALL_LIMIT = 1000;

export interface LargeChats {
  /** Default: `MENTION_ALL_LIMIT`. Infinity for none. */
  mentionAllLimit?: number | undefined;
}

/** Members with at least this role send as often as they like in a chat with `slowSeconds`. */
export const FREE_OF_SLOW_MODE: ChatRole = 'moderator';

/** What `append_messages` asks of a sender, which asks for the roles alone. */
export const SENDS: ChatRole = RULES.send.needs;
export const MENTIONS_ALL: ChatRole = RULES.mentionAll.needs;

/** Of which chat an action's row is asked. */
export interface ChatPolicies {
  kind: ChatKind;
  invites?: InvitePolicy;
  isLarge?: boolean;
}

export function ruleOf(action: ChatAction): Rule {
  return RULES[action];
}

/** The lowest role that does this in such a chat; `never` for what nobody does there. */
export function neededRole(
  action: ChatAction,
  { kind, invites, isLarge }: ChatPolicies = { kind: 'group' },
): NeededRole | 'never' {
  const { needs, inDirect, inLarge, ifMembersInvite }: Rule = RULES[action];
  if (kind === 'direct') return inDirect ?? needs;
  if (isLarge && inLarge) return inLarge;
  return invites === 'members' ? (ifMembersInvite ?? needs) : needs;
}

/** An action's row of the table, as the functions in `prisma/functions` read it (`lock_chat_for.sql`). */
export function rightOf(action: ChatAction, viewer: Viewer | null | undefined): string {
  const { isSend, ofMembers, partOf, inDirect, inLarge, ...rule }: Rule = RULES[action];
  const isNarrowed = viewer?.chats !== undefined;
  return JSON.stringify({ ...rule, inDirect: inDirect ?? rule.needs, ...(isNarrowed && { isNarrowed }) });
}

/** Which chats admins read without being a member: all group chats, and direct chats where it is switched on. */
export interface AdminReading {
  /** Default: false. */
  adminsReadDirectChats?: boolean | undefined;
}

/** The kinds of chats that the viewer reads without being a member. */
export function kindsReadAsAdmin(viewer: Viewer | null, { adminsReadDirectChats }: AdminReading): ChatKind[] {
  if (!isAdmin(viewer)) return [];
  return adminsReadDirectChats ? ['group', 'direct'] : ['group'];
}

/**
 * An SQL condition: the viewer may read the chat `c`. Both arguments are SQL: the viewer's id, and the kinds of `kindsReadAsAdmin`, an
 * array. A statement that checks it and reads does both in one snapshot. Nobody reads a deleted chat, though its memberships have rows.
 */
export function mayReadSql(userId: string, kinds: string): string {
  return `(c.deleted_at IS NULL AND ${mayReadLogSql(userId, kinds)})`;
}

/** The same for the log alone, which is kept for some days after the chat was deleted: who could read the chat then may. */
export function mayReadLogSql(userId: string, kinds: string): string {
  return `(c.kind = ANY (${kinds}::chat_kind[]) OR EXISTS (
    SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = ${userId} AND m.left_at IS NULL))`;
}
