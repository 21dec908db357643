import type { Pool } from 'pg';

/** Messages per INSERT. */
const BATCH = 10_000;

export interface HistoryOptions {
  senderId: string;
  count: number;
  /** Characters per message, padded with `x`. When not given, a message is `m` and a number. */
  length?: number;
}

/** Inserts messages directly into the database, so that they are not announced. */
export async function writeHistory(pool: Pool, chatId: string, options: HistoryOptions): Promise<void> {
  const { senderId, count, length = null } = options;
  for (let written = 0; written < count; written += BATCH)
    await pool.query(
      `SELECT count(*) FROM append_messages(
         array(SELECT gen_random_uuid() FROM generate_series(1, $3)), array_fill($1::uuid, ARRAY[$3]),
         array_fill($2::uuid, ARRAY[$3]),
         array(SELECT CASE WHEN $4::int IS NULL THEN 'm' || i ELSE rpad('m' || i, $4, 'x') END FROM generate_series(1, $3) i),
         array_fill(NULL::text, ARRAY[$3]), 50, 'member', 'moderator')`,
      [chatId, senderId, Math.min(BATCH, count - written), length],
    );
}
