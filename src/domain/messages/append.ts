import type { ChatRole } from '../chat-role.js';
import { FREE_OF_SLOW_MODE, SENDS } from '../chats/rights.js';
import { type Database, queryValues } from '../database.js';
import type { ChatMessage } from '../log/chat-message.js';
import { type MessageRow, messageOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';

/** A message that has no number yet. */
export interface PendingMessage {
  /** `append_messages` replaces its last 8 digits with the number. */
  id: string;
  chatId: string;
  sender: UserProfile;
  content: string;
  nonce: string | null;
  /** What `extrasToAppend` returned; null for a plain message. */
  extras: string | null;
  /** Whether the sender's token is narrowed to chats: then they have the rights of a member at most. */
  isNarrowed: boolean;
}

/** What a refusal says beside its rule. */
export interface RefusalDetails {
  needs?: ChatRole;
  retryAfterMs?: number;
}

/**
 * The result for one message. For `repeated`, it is the earlier message: `message` when that is not plain, otherwise one with the same
 * content and with this `seq`, `id` and `createdAt`.
 */
export interface AppendedRow {
  outcome:
    | 'created'
    | 'repeated'
    | 'nonce_reused'
    | 'unreachable'
    | 'role'
    | 'archived'
    | 'posting_role'
    | 'muted'
    | 'blocked'
    | 'slow_mode'
    | 'busy'
    | 'no_reply_to'
    | 'reply_to_deleted'
    | 'no_thread'
    | 'thread_in_thread'
    | 'no_member'
    | 'mention_all'
    | 'mention_all_large';
  epoch: string;
  seq: number;
  id: string;
  /** ISO 8601, in UTC. */
  createdAt: string;
  /** The stored message when it is not plain. */
  message: ChatMessage | null;
  /** Of a refusal. */
  details: RefusalDetails;
  /**
   * The ids of the members of a direct chat who hid it, which this message ended: their state of the chat has changed. Null for every
   * other message.
   */
  shownTo: readonly string[] | null;
}

/** In the order of the statement's columns. */
type Values = [
  outcome: AppendedRow['outcome'],
  epoch: string,
  seq: number,
  id: string,
  createdAt: string,
  message: MessageRow | RefusalDetails | null,
  shownTo: string[] | null,
];

const APPEND = {
  name: 'messages-append',
  text: `SELECT outcome, epoch, seq, id, created_at, message, shown_to
    FROM append_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6, $7::chat_role, $8::chat_role,
      $9::boolean[], $10::jsonb[])`,
};

/**
 * Writes the messages, which must be in the order of their chats' ids, in one transaction. Returns one row for each, in the same
 * order. Waits at most `lockWaitMs` milliseconds for a chat's row, then fails and writes nothing; with 0 it skips the chats whose
 * rows are locked (`busy`).
 * @throws the errors of `query`
 */
export async function appendMessages(
  db: Database,
  messages: readonly PendingMessage[],
  lockWaitMs: number,
): Promise<AppendedRow[]> {
  const rows = await queryValues<Values>(db, APPEND, [
    messages.map((message) => message.id),
    messages.map((message) => message.chatId),
    messages.map((message) => message.sender.id),
    messages.map((message) => message.content),
    messages.map((message) => message.nonce),
    lockWaitMs,
    SENDS,
    FREE_OF_SLOW_MODE,
    messages.some(({ isNarrowed }) => isNarrowed) ? messages.map(({ isNarrowed }) => isNarrowed) : null,
    messages.some(({ extras }) => extras !== null) ? messages.map(({ extras }) => extras) : null,
  ]);
  return rows.map(([outcome, epoch, seq, id, createdAt, message, shownTo]) => ({
    ...{ outcome, epoch, seq, id, createdAt, shownTo },
    message: message && 'message' in message ? messageOfJson(message) : null,
    details: message && !('message' in message) ? message : {},
  }));
}
