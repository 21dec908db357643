import { type Database, queryValues } from '../database.js';
import { MESSAGE_COLUMNS, type MessageValues } from './message-columns.js';

/** How many numbers a page of the main timeline reads at first: hidden messages among them make it slower by 1 ms at most. */
const WINDOW = 5000;

/** The number after which a page that ends before the number `before` is read at first. */
export function windowStart(after: number, before: number): number {
  return Math.max(after, before - 1 - WINDOW);
}

/** SQL: as `windowStart`. */
export function windowStartSql(after: string, before: string): string {
  return `greatest(${after}, ${before} - ${1 + WINDOW})`;
}

const TIMELINE = {
  name: 'messages-timeline',
  text: `SELECT ${MESSAGE_COLUMNS} FROM timeline_seqs($1, $2, $3, $4, $5) AS shown (seq)
    JOIN messages m ON m.chat_id = $1 AND m.seq = shown.seq JOIN users u ON u.id = m.sender_id ORDER BY m.seq`,
};

/**
 * The newest `last` messages of a range of the main timeline, oldest first. For a page whose window was not enough: it skips runs of
 * replies that only threads show, so its cost does not grow with their length. 200,000 of them cost a scan 105 ms, and this 2 ms.
 */
export function readTimeline(
  db: Database,
  chatId: string,
  { after, before, last, without }: { after: number; before: number; last: number; without: number },
): Promise<MessageValues[]> {
  return queryValues<MessageValues>(db, TIMELINE, [chatId, after, before, last, without]);
}
