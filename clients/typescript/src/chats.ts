import { SETTINGS } from './documents.js';
import type { ChatSettings } from './events.js';
import { documentOf, type Runner, run } from './operations.js';
import type { ChatRole, InvitePolicy, PublicChat, Visibility } from './schema.js';

/** The settings of a chat, as `updateChat` takes them: what is left out stays. */
export interface ChatChanges {
  name?: string;
  topic?: string;
  visibility?: Visibility;
  /** The lowest role that sends messages. */
  postingRole?: ChatRole;
  /** The fewest seconds between two messages of a member; 0 for none. */
  slowSeconds?: number;
  /** Who may invite. */
  invites?: InvitePolicy;
  /** Whether members see who has read what. */
  receipts?: boolean;
  /** For how many days messages are kept; null for the default of the service. */
  retentionDays?: number | null;
  /** Null takes it away. */
  metadata?: Record<string, unknown> | null;
  /** The chat’s id in your product. Null takes it away. Admins only. */
  externalId?: string | null;
}

/** What a new chat begins with. */
export type NewChat = Pick<ChatChanges, 'topic' | 'visibility'> & {
  name: string;
  metadata?: Record<string, unknown>;
  externalId?: string;
};

const TYPES: Readonly<Record<keyof ChatChanges, string>> = {
  name: 'String',
  topic: 'String',
  visibility: 'Visibility',
  postingRole: 'ChatRole',
  slowSeconds: 'Int',
  invites: 'InvitePolicy',
  receipts: 'Boolean',
  retentionDays: 'Int',
  metadata: 'JSON',
  externalId: 'String',
};
const { topic, visibility, metadata, externalId } = TYPES;
const CHAT = `{${SETTINGS}}`;

export const UPDATE = documentOf('mutation', 'updateChat', { id: 'ID!', ...TYPES }, CHAT);
export const CREATE = documentOf(
  'mutation',
  'createChat',
  { name: 'String!', topic, visibility, metadata, externalId },
  CHAT,
);
export const ARCHIVE = documentOf('mutation', 'archiveChat', { id: 'ID!', archived: 'Boolean!' }, CHAT);
export const DELETE = documentOf('mutation', 'deleteChat', { id: 'ID!' }, '');
export const OPEN_DIRECT = documentOf('mutation', 'openDirectChat', { userId: 'ID!' }, CHAT);

export const JOIN = documentOf('mutation', 'joinChat', { id: 'ID!' }, '{role joinedAt}');
export const LEAVE = documentOf('mutation', 'leaveChat', { id: 'ID!' }, '');
export const PUBLIC = documentOf(
  'query',
  'publicChats',
  { query: 'String', first: 'Int', after: 'ID' },
  '{id name topic memberCount createdAt}',
);

export interface PublicChatsOptions {
  /** Only chats whose name begins like this, in any case. */
  query?: string;
  first?: number;
  /** The id of the last chat of the page before. */
  after?: string;
}

/** The public chats, whether one is a member or not. @throws ChatError */
export function listPublicChats(client: Runner, options: PublicChatsOptions = {}): Promise<PublicChat[]> {
  return run(client, PUBLIC, options);
}

/** Becomes a member of a public chat. @throws ChatError */
export function joinChat(client: Runner, id: string): Promise<{ role: ChatRole; joinedAt: string }> {
  return run(client, JOIN, { id });
}

/** Ends one’s own membership; a direct chat is hidden. @throws ChatError */
export function leaveChat(client: Runner, id: string): Promise<boolean> {
  return run(client, LEAVE, { id });
}

/** Makes a chat. @throws ChatError */
export function createChat(client: Runner, chat: NewChat): Promise<ChatSettings> {
  return run(client, CREATE, chat);
}

/** Changes settings of a chat: all that are given, or none. Rooms and inboxes follow by themselves. @throws ChatError */
export function updateChat(client: Runner, id: string, changes: ChatChanges): Promise<ChatSettings> {
  return run(client, UPDATE, { id, ...changes });
}

/** Archives a chat, or takes it out of the archive. @throws ChatError */
export function archiveChat(client: Runner, id: string, archived = true): Promise<ChatSettings> {
  return run(client, ARCHIVE, { id, archived });
}

/** Ends a chat for everybody. @throws ChatError */
export function deleteChat(client: Runner, id: string): Promise<boolean> {
  return run(client, DELETE, { id });
}

/** The chat of two, which is made if there is none. @throws ChatError */
export function openDirectChat(client: Runner, userId: string): Promise<ChatSettings> {
  return run(client, OPEN_DIRECT, { userId });
}
