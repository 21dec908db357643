import { type Database, query } from '../database.js';
import type { UserProfile } from '../profile.js';
import { type ChatMessage, type MessageExtras, NO_EXTRAS } from './chat-message.js';

/** A row of `messages_as_json` (prisma/functions). Times are as PostgreSQL writes them in JSON. */
export interface MessageRow {
  chat_id: string;
  message: Omit<ChatMessage, 'chatId' | 'extras'>;
  /** Null for a plain message. */
  extras: Partial<MessageExtras> | null;
}

const MESSAGES = { name: 'messages-as-json', text: 'SELECT * FROM messages_as_json($1, $2)' };

/** The messages of a chat that have these numbers, by number, each with its extras. One query; none for no numbers. */
export async function readMessages(
  db: Database,
  chatId: string,
  seqs: readonly number[],
): Promise<Map<number, ChatMessage>> {
  const messages = await readMessagesOf(
    db,
    seqs.map((seq) => ({ chatId, seq })),
  );
  return new Map(messages.map((message) => [message.seq, message]));
}

const MESSAGES_AS_OF = {
  name: 'messages-as-of',
  text: 'SELECT m.*, (SELECT last_seq FROM chats WHERE id = $3) AS as_of FROM messages_as_json($1, $2) m',
};

/**
 * The messages of a chat that have these numbers, by number, and the chat's newest number at the moment for which they were read. One
 * query; for no numbers, none and no moment.
 */
export async function readMessagesAsOf(
  db: Database,
  chatId: string,
  seqs: readonly number[],
): Promise<{ messages: Map<number, ChatMessage>; asOf: number | undefined }> {
  if (seqs.length === 0) return { messages: new Map(), asOf: undefined };
  const values = [seqs.map(() => chatId), seqs, chatId];
  const rows = await query<MessageRow & { as_of: number }>(db, MESSAGES_AS_OF, values);
  const messages = new Map(rows.map((row) => [row.message.seq, messageOfJson(row)]));
  return { messages, asOf: rows[0]?.as_of };
}

/** The messages at these places of several chats, in no order. */
export async function readMessagesOf(
  db: Database,
  wanted: readonly { chatId: string; seq: number }[],
): Promise<ChatMessage[]> {
  if (wanted.length === 0) return [];
  const values = [wanted.map(({ chatId }) => chatId), wanted.map(({ seq }) => seq)];
  return (await query<MessageRow>(db, MESSAGES, values)).map(messageOfJson);
}

/** The message of a row that `messages_as_json` returned. */
export function messageOfJson({ chat_id: chatId, message, extras }: MessageRow): ChatMessage {
  const { id, seq, content, nonce, createdAt, sender } = message;
  const plain = { id, chatId, seq, content, nonce, createdAt: utc(createdAt), sender: profileOfJson(sender) };
  return extras ? { ...plain, extras: toExtras(extras) } : plain;
}

function toExtras(row: Partial<MessageExtras>): MessageExtras {
  const extras = { ...NO_EXTRAS, ...row };
  return {
    ...extras,
    editedAt: extras.editedAt && utc(extras.editedAt),
    deletedAt: extras.deletedAt && utc(extras.deletedAt),
    mentions: extras.mentions.map(profileOfJson),
    pinnedAt: extras.pinnedAt && utc(extras.pinnedAt),
    pinnedBy: extras.pinnedBy && profileOfJson(extras.pinnedBy),
  };
}

/** The profile that `profile_as_json` returned. */
export function profileOfJson(json: UserProfile): UserProfile {
  return { ...json, dateJoined: utc(json.dateJoined) };
}

/** PostgreSQL writes a JSON timestamp with its time zone's offset; on the wire it is UTC with milliseconds. */
export function utc(timestamp: string): string {
  return new Date(timestamp).toISOString();
}
