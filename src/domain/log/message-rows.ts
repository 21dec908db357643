import type { UserProfile } from '../profile.js';
import { type ChatMessage, type MessageExtras, NO_EXTRAS } from './chat-message.js';

/** A row of `messages_as_json` (prisma/functions). Times are as PostgreSQL writes them in JSON. */
export interface MessageRow {
  chat_id: string;
  message: Omit<ChatMessage, 'chatId' | 'extras'>;
  /** Null for a plain message. */
  extras: Partial<MessageExtras> | null;
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
