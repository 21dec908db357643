import { neededRole } from '../chats/rights.js';
import { type Database, queryValues } from '../database.js';
import type { UserProfile } from '../profile.js';

/** A message that has no number yet. */
export interface PendingMessage {
  /** `append_messages` replaces its last 8 digits with the number. */
  id: string;
  chatId: string;
  sender: UserProfile;
  content: string;
  nonce: string | null;
}

/** The result for one message. For `repeated`, `seq`, `id` and `createdAt` are the earlier message's, whose content is the same. */
export interface AppendedRow {
  outcome: 'created' | 'repeated' | 'nonce_reused' | 'unreachable' | 'role' | 'busy';
  epoch: string;
  seq: number;
  id: string;
  /** ISO 8601, in UTC. */
  createdAt: string;
}

/** In the order of the statement's columns. */
type Values = [outcome: AppendedRow['outcome'], epoch: string, seq: number, id: string, createdAt: string];

const APPEND = {
  name: 'messages-append',
  text: `SELECT outcome, epoch, seq, id, created_at
    FROM append_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6, $7::chat_role)`,
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
    neededRole('send'),
  ]);
  return rows.map(([outcome, epoch, seq, id, createdAt]) => ({ outcome, epoch, seq, id, createdAt }));
}
