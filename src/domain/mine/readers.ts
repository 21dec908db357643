import { type Database, query } from '../database.js';
import { extrasOf, type PlainMessage } from '../log/chat-message.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';

export interface ReaderPage {
  first: number;
  /** Only users whose id is higher. */
  after?: string | undefined;
}

/** The default limit of one query. */
const MAX_ROWS = 50_000;

/** SQL: the messages of the query, `w`, each with whether its chat has receipts, and is small enough for them. */
const MESSAGES = `unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::boolean[]) WITH ORDINALITY
    AS w (chat_id, seq, sender_id, root_seq, in_timeline, place)
  JOIN (SELECT chats.id, (SELECT count(*) FROM (SELECT 1 FROM chat_memberships o
      WHERE o.chat_id = chats.id AND o.left_at IS NULL LIMIT $6::int + 1) members) <= $6::int
      AND (SELECT c.receipts FROM chats c WHERE c.id = chats.id) AS has_receipts
    FROM (SELECT DISTINCT unnest($1::uuid[])) AS chats (id)) chat ON chat.id = w.chat_id`;

/**
 * SQL: the members `m` who have read the message `w`. Members who joined after it have not read it, whatever their marker says; a reply
 * is read by the marker of its thread, and one that is in the main timeline too by either.
 */
const READERS = `FROM chat_memberships m LEFT JOIN thread_follows f
    ON f.user_id = m.user_id AND f.chat_id = m.chat_id AND f.root_seq = w.root_seq
  WHERE chat.has_receipts AND m.chat_id = w.chat_id AND m.left_at IS NULL AND m.joined_seq < w.seq AND m.user_id <> w.sender_id
    AND ((w.in_timeline AND m.read_seq >= w.seq) OR f.read_seq >= w.seq)`;

const COUNTS = {
  name: 'readers-counts',
  text: `SELECT w.place::int, CASE WHEN chat.has_receipts THEN (SELECT count(*)::int ${READERS}) END AS count FROM ${MESSAGES}`,
};

// A message without readers has one row, with null.
const PAGES = {
  name: 'readers-pages',
  text: `SELECT w.place::int, chat.has_receipts AS "hasReceipts", l.reader FROM ${MESSAGES}
    LEFT JOIN LATERAL (
      SELECT profile_as_json(u) AS reader, u.id FROM (
        SELECT m.user_id ${READERS} AND ($7::uuid IS NULL OR m.user_id > $7) ORDER BY m.user_id LIMIT $8) r
      JOIN users u ON u.id = r.user_id) l ON true
    ORDER BY w.place, l.id LIMIT $9`,
};

interface PageRow {
  place: number;
  hasReceipts: boolean;
  reader: UserProfile | null;
}

/**
 * Says who has read messages, by the read markers of now: members who have left count no more. Callers check access to the chats. There
 * are no receipts in large chats, nor where the chat's setting switches them off.
 */
export class Readers {
  /** @param limit the most members of a chat with receipts */
  constructor(
    private readonly db: Database,
    private readonly limit: number,
  ) {}

  /** How many members have read each message, its sender not counted; null in a chat without receipts. One query. */
  async counts(messages: readonly PlainMessage[]): Promise<(number | null)[]> {
    const counts: (number | null)[] = messages.map(() => null);
    const values = [...columnsOf(messages), this.limit];
    for (const { place, count } of await query<{ place: number; count: number | null }>(this.db, COUNTS, values))
      counts[place - 1] = count;
    return counts;
  }

  /**
   * A page of the members who have read each message, its sender left out, in the order of their ids; null as for `counts`. One query.
   * @param maxRows most users of all messages together
   */
  async list(
    messages: readonly PlainMessage[],
    { first, after }: ReaderPage,
    maxRows = MAX_ROWS,
  ): Promise<(UserProfile[] | null)[]> {
    const pages: (UserProfile[] | null)[] = messages.map(() => null);
    const values = [...columnsOf(messages), this.limit, after ?? null, first, maxRows];
    for (const { place, hasReceipts, reader } of await query<PageRow>(this.db, PAGES, values)) {
      if (!hasReceipts) continue;
      const page = pages[place - 1] ?? [];
      if (reader) page.push(profileOfJson(reader));
      pages[place - 1] = page;
    }
    return pages;
  }
}

function columnsOf(messages: readonly PlainMessage[]): [string[], number[], string[], (number | null)[], boolean[]] {
  const threads = messages.map((message) => extrasOf(message).thread);
  return [
    messages.map(({ chatId }) => chatId),
    messages.map(({ seq }) => seq),
    messages.map(({ sender }) => sender.id),
    threads.map((thread) => thread?.rootSeq ?? null),
    threads.map((thread) => thread === null || thread.alsoInChat),
  ];
}
