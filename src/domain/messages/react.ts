import { rightOf } from '../chats/rights.js';
import { type Database, isLockTimeout, query } from '../database.js';
import { type ChatMessage, MAX_REACTION_EMOJI } from '../log/chat-message.js';
import { type MessageRow, messageOfJson } from '../log/message-rows.js';

/** A reaction that is to be added or removed. */
export interface PendingReaction {
  chatId: string;
  messageId: string;
  userId: string;
  /** As `canonicalEmoji` spells it. */
  emoji: string;
  adds: boolean;
}

/** Why a reaction was not written; `react.sql` explains each. */
export type ReactionRefusal =
  | 'unreachable'
  | 'role'
  | 'archived'
  | 'muted'
  | 'no_message'
  | 'deleted'
  | 'full'
  | 'busy';

/** The message with the reactions as their rows are after the batch, or why the reaction was refused. */
export type ReactionResult =
  | { outcome: 'done' | 'repeated'; message: ChatMessage }
  | { outcome: ReactionRefusal; message?: undefined };

interface ReactRow {
  outcome: 'done' | 'repeated' | ReactionRefusal;
  chat_id: string;
  seq: number;
  message: MessageRow['message'] | null;
  extras: MessageRow['extras'];
}

const REACT = {
  name: 'messages-react',
  text: `SELECT outcome, chat_id, seq, message, extras
    FROM react($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::jsonb, $7, $8)`,
};

/**
 * Writes reactions in one transaction, in their order. Returns a result for each, in the same order. When some of them wait for
 * another transaction for 300 ms, the others are written without them, and these are `busy`.
 * @throws the errors of `query`
 */
export async function react(db: Database, reactions: readonly PendingReaction[]): Promise<ReactionResult[]> {
  try {
    return await write(db, reactions, true);
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    return write(db, reactions, false);
  }
}

async function write(db: Database, reactions: readonly PendingReaction[], waits: boolean): Promise<ReactionResult[]> {
  const rows = await query<ReactRow>(db, REACT, [
    reactions.map(({ chatId }) => chatId),
    reactions.map(({ messageId }) => messageId),
    reactions.map(({ userId }) => userId),
    reactions.map(({ emoji }) => emoji),
    reactions.map(({ adds }) => adds),
    rightOf('react', null),
    MAX_REACTION_EMOJI,
    waits,
  ]);
  // A message comes with the first of its rows.
  const messages = new Map<string, ChatMessage>();
  return rows.map(({ outcome, chat_id, seq, message: json, extras }) => {
    if (outcome !== 'done' && outcome !== 'repeated') return { outcome };
    const key = `${chat_id} ${seq}`;
    const message = messages.get(key) ?? (json ? messageOfJson({ chat_id, message: json, extras }) : undefined);
    if (!message) throw new Error('A reaction was written, and its message was not returned.');
    messages.set(key, message);
    return { outcome, message };
  });
}
