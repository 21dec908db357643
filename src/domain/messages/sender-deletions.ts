import { type Database, query } from '../database.js';
import { canonicalId } from '../text.js';
import type { Viewer } from '../viewer.js';
import { MAX_DELETED, type MessageChanges } from './message-changes.js';

/** How far back messages of a banned user are deleted. */
export const DELETE_SPANS = ['none', 'hour', 'day', 'week', 'all'] as const;
export type DeleteSpan = (typeof DELETE_SPANS)[number];

const SECONDS = { hour: 3600, day: 24 * 3600, week: 7 * 24 * 3600, all: null };

/** Most messages that one statement finds. */
const MAX_FOUND = 10_000;

// By the index of senders' messages. In no order: with one, a plan may read the chat from its end.
const FIND = {
  name: 'messages-of-sender',
  text: `SELECT m.id FROM messages m WHERE m.sender_id = $1 AND m.chat_id = $2 AND m.flags & 1 = 0
      AND ($3::int IS NULL OR m.created_at > now() - make_interval(secs => $3)) LIMIT ${MAX_FOUND}`,
};

/** Deletes what one user sent to a chat. */
export class SenderDeletions {
  constructor(
    private readonly db: Database,
    private readonly changes: MessageChanges,
  ) {}

  /**
   * Deletes the messages, the newest of those that were found first, in transactions of at most `MAX_DELETED` messages each: between
   * them others write to the chat. When one fails, those before it stay; the call can be repeated.
   * @throws DomainError as `MessageChanges.deleteMany`
   */
  async delete(viewer: Viewer, of: { chatId: string; userId: string }, span: DeleteSpan): Promise<void> {
    const [chatId, userId] = [canonicalId(of.chatId), canonicalId(of.userId)];
    if (span === 'none' || chatId === undefined || userId === undefined) return;
    for (let found = MAX_FOUND; found === MAX_FOUND; ) {
      const rows = await query<{ id: string }>(this.db, FIND, [userId, chatId, SECONDS[span]]);
      found = rows.length;
      // The last digits of an id are the message's number.
      const ids = rows.map(({ id }) => id).sort((one, other) => (one.slice(-8) < other.slice(-8) ? 1 : -1));
      for (let begin = 0; begin < ids.length; begin += MAX_DELETED)
        await this.changes.deleteMany(viewer, chatId, ids.slice(begin, begin + MAX_DELETED));
    }
  }
}
