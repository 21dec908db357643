import type { Database } from '../database.js';

/** Something that is stored beside the rows that it is counted from, and differs from them. */
export interface StoredDifference {
  chatId: string;
  /** The message that it belongs to: the root of a thread, or what was reacted to. */
  seq: number;
  what: 'replyCount' | 'lastReplySeq' | 'timelineSeq' | 'reactions';
  /** Null: nothing is stored. */
  stored: string | null;
  counted: string;
}

interface Place {
  chatId: string;
  seq: number;
}

/** How much of what is stored one step reads. */
const BATCH = 500;
const BEGINNING: Place = { chatId: '00000000-0000-0000-0000-000000000000', seq: 0 };

/*
 * Each gives the differences of the next places behind $1 and $2 and, in every row, the last of those places; one row without a
 * difference when there are none.
 */

/** Of the places `w`, with a table of differences `d`. */
const step = (places: string, differences: string) => `
  WITH ${places}
  SELECT l.chat_id AS "lastChatId", l.seq AS "lastSeq", l.count::int, d.chat_id AS "chatId", d.seq, d.what, d.stored, d.counted
  FROM (SELECT w.chat_id, w.seq, count(*) OVER () FROM w ORDER BY w.chat_id DESC, w.seq DESC LIMIT 1) l
  LEFT JOIN (${differences}) d ON true ORDER BY d.chat_id, d.seq, d.what`;

/** The first of each group of rows, by a search for each: a group may be long. */
const groups = (table: string, seq: string, where: string) => `RECURSIVE w (chat_id, seq, place) AS (
    (SELECT r.chat_id, r.${seq}, 1 FROM ${table} r WHERE ${where} AND (r.chat_id, r.${seq}) > ($1, $2)
      ORDER BY r.chat_id, r.${seq} LIMIT 1)
    UNION ALL
    SELECT n.chat_id, n.seq, w.place + 1 FROM w CROSS JOIN LATERAL (
      SELECT r.chat_id, r.${seq} AS seq FROM ${table} r WHERE ${where} AND (r.chat_id, r.${seq}) > (w.chat_id, w.seq)
      ORDER BY r.chat_id, r.${seq} LIMIT 1) n
    WHERE w.place < ${BATCH})`;

const REPLIES = `SELECT count(*)::int AS replies, coalesce(max(x.seq), 0) AS newest FROM message_extras x
  WHERE x.chat_id = w.chat_id AND x.thread_root_seq = w.seq AND x.deleted_at IS NULL`;

const THREAD_DIFFERENCES = `SELECT w.chat_id, w.seq, found.what, found.stored::text, found.counted::text
  FROM w LEFT JOIN threads t ON t.chat_id = w.chat_id AND t.root_seq = w.seq CROSS JOIN LATERAL (${REPLIES}) r
  CROSS JOIN LATERAL (VALUES ('replyCount', t.reply_count, r.replies), ('lastReplySeq', t.last_reply_seq, r.newest))
    AS found (what, stored, counted)
  WHERE found.stored IS DISTINCT FROM found.counted`;

/** Messages with a change that waits for its summary are left out. */
const REACTION_DIFFERENCES = `SELECT w.chat_id, w.seq, 'reactions' AS what, x.reactions::text AS stored, c.summary::text AS counted
  FROM w LEFT JOIN message_extras x ON x.chat_id = w.chat_id AND x.seq = w.seq
  CROSS JOIN LATERAL (SELECT reactions_as_json(w.chat_id, w.seq) AS summary) c
  WHERE coalesce(x.reactions, '[]') <> c.summary
    AND NOT EXISTS (SELECT 1 FROM reaction_dirty q WHERE q.chat_id = w.chat_id AND q.seq = w.seq)`;

/** Each is right if it continues the one before it: so no run of replies is read more than once. */
const TIMELINE_DIFFERENCES = `SELECT w.chat_id, w.seq, 'timelineSeq' AS what, w.timeline_seq::text AS stored, c.seq::text AS counted
  FROM w JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq
  CROSS JOIN LATERAL (SELECT timeline_seq_at(w.chat_id, w.seq - 1) AS seq) c
  WHERE m.flags & 2 <> 0 AND w.timeline_seq IS DISTINCT FROM c.seq`;

const THREADS = step(
  `w AS (SELECT t.chat_id, t.root_seq AS seq FROM threads t WHERE (t.chat_id, t.root_seq) > ($1, $2)
    ORDER BY t.chat_id, t.root_seq LIMIT ${BATCH})`,
  THREAD_DIFFERENCES,
);
/** Those that `threads` lacks. */
const ROOTS = step(
  groups('message_extras', 'thread_root_seq', 'r.thread_root_seq IS NOT NULL'),
  `${THREAD_DIFFERENCES} AND t.chat_id IS NULL`,
);
const EXTRAS = step(
  `w AS (SELECT x.chat_id, x.seq, x.timeline_seq, x.reactions FROM message_extras x WHERE (x.chat_id, x.seq) > ($1, $2)
    ORDER BY x.chat_id, x.seq LIMIT ${BATCH})`,
  `${REACTION_DIFFERENCES} AND w.reactions IS NOT NULL UNION ALL ${TIMELINE_DIFFERENCES}`,
);
/** Messages with reactions and without a summary. */
const REACTED = step(groups('reactions', 'seq', 'true'), `${REACTION_DIFFERENCES} AND x.reactions IS NULL`);

type StepRow = { lastChatId: string; lastSeq: number; count: number } & (StoredDifference | { what: null });

/**
 * Compares what is stored beside the rows that it can be counted from with a recount: how many replies a thread has and which is the
 * newest, which message of the main timeline is before a reply, and the summaries of reactions. Takes no lock. Each step is of one
 * moment, so changes in the meantime are no difference.
 */
export class StoredCounts {
  constructor(private readonly db: Database) {}

  /** The differences, in the order in which they are found. */
  async *differences(): AsyncGenerator<StoredDifference> {
    for (const text of [THREADS, ROOTS, EXTRAS, REACTED]) yield* this.walk(text);
  }

  private async *walk(text: string): AsyncGenerator<StoredDifference> {
    for (let place: Place | undefined = BEGINNING; place; ) {
      const rows: StepRow[] = (await this.db.pool.query<StepRow>(text, [place.chatId, place.seq])).rows;
      for (const row of rows) {
        if (row.what === null) continue;
        const { chatId, seq, what, stored, counted } = row;
        yield { chatId, seq, what, stored, counted };
      }
      const [last] = rows;
      place = last && last.count === BATCH ? { chatId: last.lastChatId, seq: last.lastSeq } : undefined;
    }
  }
}
