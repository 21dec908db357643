import { USER } from './documents.js';
import type { Member } from './events.js';
import type { UserRef } from './messages.js';
import { documentOf, type Runner, run } from './operations.js';
import type { AccessExplanation, ChatAction, ChatRole, DeleteSpan } from './schema.js';

/** A user who may not be a member of a chat. */
export interface Ban {
  user: UserRef;
  /** When it ends by itself; null for never. */
  until: string | null;
  /** Who banned them; null for an operator. */
  by: UserRef | null;
  at: string;
  reason: string | null;
}

export interface MuteOptions {
  /** When it ends by itself, in the form of `toISOString()`. Without it, never. */
  until?: string;
  /** For the audit log, and of a ban for the moderators. */
  reason?: string;
}

export interface BanOptions extends MuteOptions {
  /** Which messages of the user are deleted. By default none. */
  deleteMessages?: DeleteSpan;
}

/** A page of a list that is in the order of users’ ids. */
export interface PageOptions {
  first?: number;
  /** The id of the last user of the page before. */
  after?: string;
}

const TARGET = { chatId: 'ID!', userId: 'ID!' };
const MUTE_ARGS = { ...TARGET, until: 'DateTime', reason: 'String' };
const MEMBERSHIP = `{user${USER} role joinedAt mutedUntil}`;

export const ADD = documentOf('mutation', 'assignUserToChat', TARGET, MEMBERSHIP);
export const REMOVE = documentOf('mutation', 'removeUserFromChat', TARGET, '');
export const SET_ROLE = documentOf('mutation', 'setMemberRole', { ...TARGET, role: 'ChatRole!' }, MEMBERSHIP);
export const MUTE = documentOf('mutation', 'muteMember', MUTE_ARGS, MEMBERSHIP);
export const UNMUTE = documentOf('mutation', 'unmuteMember', { ...TARGET, reason: 'String' }, MEMBERSHIP);
export const BAN = documentOf('mutation', 'banUser', { ...MUTE_ARGS, deleteMessages: 'DeleteSpan' }, '');
export const UNBAN = documentOf('mutation', 'unbanUser', TARGET, '');
export const BANS = documentOf(
  'query',
  'bans',
  { chatId: 'ID!', first: 'Int', after: 'ID' },
  `{user${USER} until by${USER} at reason}`,
);
export const EXPLAIN = documentOf(
  'query',
  'explainAccess',
  { ...TARGET, action: 'ChatAction!', messageId: 'ID' },
  '{allowed rule until chain{check passed detail}}',
);
export const BLOCK = documentOf('mutation', 'blockUser', { id: 'ID!' }, '');
export const UNBLOCK = documentOf('mutation', 'unblockUser', { id: 'ID!' }, '');
export const BLOCKED = documentOf('query', 'blockedUsers', {}, USER);

/** Makes a user a member. Admins only. @throws ChatError */
export function addMember(client: Runner, chatId: string, userId: string): Promise<Member> {
  return run(client, ADD, { chatId, userId });
}

/** Ends a membership. @throws ChatError */
export function removeMember(client: Runner, chatId: string, userId: string): Promise<boolean> {
  return run(client, REMOVE, { chatId, userId });
}

/** Gives a member another role. @throws ChatError */
export function setRole(client: Runner, chatId: string, userId: string, role: ChatRole): Promise<Member> {
  return run(client, SET_ROLE, { chatId, userId, role });
}

/** Mutes a member: they read, and write nothing that others see. @throws ChatError */
export function mute(client: Runner, chatId: string, userId: string, options: MuteOptions = {}): Promise<Member> {
  return run(client, MUTE, { chatId, userId, ...options });
}

/** @throws ChatError */
export function unmute(client: Runner, chatId: string, userId: string, reason?: string): Promise<Member> {
  return run(client, UNMUTE, { chatId, userId, reason });
}

/** Bans a user, member or not, from a chat. @throws ChatError */
export function ban(client: Runner, chatId: string, userId: string, options: BanOptions = {}): Promise<boolean> {
  return run(client, BAN, { chatId, userId, ...options });
}

/** Ends a ban. The user is no member by it. @throws ChatError */
export function unban(client: Runner, chatId: string, userId: string): Promise<boolean> {
  return run(client, UNBAN, { chatId, userId });
}

/** Who is banned from a chat now. @throws ChatError */
export function listBans(client: Runner, chatId: string, page: PageOptions = {}): Promise<Ban[]> {
  return run(client, BANS, { chatId, ...page });
}

/** Whether a user may do something in a chat now, and why. @throws ChatError */
export function explainAccess(
  client: Runner,
  chatId: string,
  userId: string,
  action: ChatAction,
  messageId?: string,
): Promise<AccessExplanation> {
  return run(client, EXPLAIN, { chatId, userId, action, messageId });
}

/** Refuses what a user sends in the direct chat with them. Resolves to false for who was blocked before. @throws ChatError */
export function block(client: Runner, userId: string): Promise<boolean> {
  return run(client, BLOCK, { id: userId });
}

/** Resolves to false for who was not blocked. @throws ChatError */
export function unblock(client: Runner, userId: string): Promise<boolean> {
  return run(client, UNBLOCK, { id: userId });
}

/** Whom one blocks, the last first. @throws ChatError */
export function listBlocked(client: Runner): Promise<UserRef[]> {
  return run(client, BLOCKED, {});
}
