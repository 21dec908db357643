import type { Pool } from 'pg';

export interface Run {
  senderId: string;
  count: number;
  /** What the messages are. A reply is one that only its thread shows. */
  kind: 'plain' | 'deleted' | 'reply';
  /** The number of the root of a thread that has a reply already. */
  rootSeq: number;
}

const FLAGS = { plain: 0, deleted: 9, reply: 10 };

/** Messages per statement. */
const BATCH = 5000;

const WRITE = `WITH chat AS (UPDATE chats SET last_seq = last_seq + $3 WHERE id = $1 RETURNING last_seq - $3 AS head),
    timeline AS (SELECT coalesce(max(seq), 0) AS seq FROM messages WHERE chat_id = $1 AND flags & 2 = 0),
    sent AS (INSERT INTO messages (chat_id, seq, id, sender_id, content, flags, mark)
      SELECT $1, head + i, gen_random_uuid(), $2, CASE WHEN $4 = 9 THEN '' ELSE 'a message of a usual length ' || i END, $4, 1
      FROM chat, generate_series(1, $3) i RETURNING seq),
    extras AS (INSERT INTO message_extras (chat_id, seq, deleted_at, thread_root_seq, timeline_seq)
      SELECT $1, sent.seq, CASE WHEN $4 = 9 THEN now() END, CASE WHEN $4 = 10 THEN $5::int END, CASE WHEN $4 = 10 THEN timeline.seq END
      FROM sent, timeline WHERE $4 <> 0)
  UPDATE threads t SET reply_count = t.reply_count + $3, last_reply_seq = chat.head + $3 FROM chat
  WHERE t.chat_id = $1 AND t.root_seq = $5 AND $4 = 10`;

/** Messages as many sends and deletions leave them. They are not announced. */
export async function writeRun(pool: Pool, chatId: string, { senderId, count, kind, rootSeq }: Run): Promise<void> {
  for (let left = count; left > 0; left -= BATCH)
    await pool.query(WRITE, [chatId, senderId, Math.min(BATCH, left), FLAGS[kind], rootSeq]);
}

/** How many rows of a table a query reads by its indexes. Nothing of it stays. */
export async function rowsRead(pool: Pool, table: string, text: string, values: unknown[]): Promise<number> {
  const client = await pool.connect();
  const counted = async () => {
    const { rows } = await client.query<{ read: number }>(
      'SELECT idx_tup_fetch::int AS read FROM pg_stat_xact_user_tables WHERE relname = $1',
      [table],
    );
    return rows[0]?.read ?? Number.NaN;
  };
  try {
    await client.query('BEGIN');
    const before = await counted();
    await client.query(text, values);
    return (await counted()) - before;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}
