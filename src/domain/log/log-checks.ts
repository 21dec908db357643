import type { Database } from '../database.js';

/** Something about a chat that is not as its rows say. */
export interface LogDifference {
  chatId: string;
  /** A sentence's beginning: `the log from 1 to 20000 has 19999 rows, and should have 20000`. */
  what: string;
}

/** How many chats one step lists, and how many numbers of a chat one statement reads. */
const CHATS = 500;
const NUMBERS = 20_000;
/** PostgreSQL's largest int. */
const LAST_NUMBER = 2 ** 31 - 1;
const BEGINNING = '00000000-0000-0000-0000-000000000000';

/** Of a deleted chat nobody is a member. */
const LIST = `SELECT c.id, c.first_seq AS "firstSeq", c.last_seq AS "lastSeq", c.member_count AS "memberCount",
    (SELECT count(*)::int FROM chat_memberships m WHERE m.chat_id = c.id AND m.left_at IS NULL AND c.deleted_at IS NULL) AS members
  FROM chats c WHERE c.id > $1 ORDER BY c.id LIMIT ${CHATS}`;

/**
 * The numbers above $2, up to $3: how many there should be, how many there are, where a mark is below the one before, and the highest. The
 * number $2 is read for its mark alone.
 */
const RANGE = `WITH c AS (SELECT * FROM chats WHERE id = $1), a AS (
    SELECT m.seq, m.mark FROM messages m WHERE m.chat_id = $1 AND m.seq >= $2 AND m.seq <= $3
    UNION ALL SELECT e.seq, e.mark FROM chat_events e WHERE e.chat_id = $1 AND e.seq >= $2 AND e.seq <= $3),
    l AS (SELECT a.seq, a.mark FROM a WHERE a.seq > $2)
  SELECT greatest(least(c.last_seq, $3) - greatest(c.first_seq - 1, $2), 0) AS expected,
    (SELECT count(DISTINCT l.seq)::int FROM l WHERE l.seq >= c.first_seq) AS found,
    (SELECT count(*)::int FROM l WHERE l.seq >= c.first_seq) AS rows,
    (SELECT min(o.seq) FROM (SELECT l.seq, l.mark, lag(l.mark) OVER (ORDER BY l.seq) AS before FROM a l
      WHERE l.seq > c.mark_base) o WHERE o.mark < o.before) AS "fallsAt",
    (SELECT max(l.mark) FROM l WHERE l.seq > c.mark_base) > c.mark AS "isAboveHead" FROM c`;

interface ChatRow {
  id: string;
  firstSeq: number;
  lastSeq: number;
  memberCount: number;
  members: number;
}

interface RangeRow {
  expected: number;
  found: number;
  rows: number;
  fallsAt: number | null;
  isAboveHead: boolean | null;
}

/**
 * Checks of every chat that its numbers are dense and each is one change, that marks never fall along its log and none is above the
 * chat's, and that its number of members is that of its memberships. Takes no lock. Each statement is of one moment, so changes in the
 * meantime are no difference.
 */
export class LogChecks {
  /** @param numbers how many numbers of a chat one statement reads */
  constructor(
    private readonly db: Pick<Database, 'pool'>,
    private readonly numbers = NUMBERS,
  ) {}

  /** The differences, chat by chat. */
  async *differences(): AsyncGenerator<LogDifference> {
    for (let after: string | undefined = BEGINNING; after !== undefined; ) {
      const chats: ChatRow[] = (await this.db.pool.query<ChatRow>(LIST, [after])).rows;
      for (const chat of chats) yield* this.differencesOf(chat);
      after = chats.length === CHATS ? chats.at(-1)?.id : undefined;
    }
  }

  private async *differencesOf({ id: chatId, firstSeq, lastSeq, memberCount, members }: ChatRow) {
    if (memberCount !== members)
      yield { chatId, what: `the number of members is ${memberCount}, and ${members} by the memberships` };
    for (let above = firstSeq - 1; above < lastSeq; above += this.numbers) {
      const upTo = Math.min(above + this.numbers, lastSeq);
      // Behind the chat's last number there should be nothing.
      const end = upTo < lastSeq ? upTo : LAST_NUMBER;
      const [range] = (await this.db.pool.query<RangeRow>(RANGE, [chatId, above, end])).rows;
      // The chat was deleted in the meantime.
      if (!range) return;
      for (const what of problemsOf(range)) yield { chatId, what: `the log from ${above + 1} to ${upTo} ${what}` };
    }
  }
}

function problemsOf({ expected, found, rows, fallsAt, isAboveHead }: RangeRow): string[] {
  const problems: string[] = [];
  if (found !== expected) problems.push(`has ${found} numbers, and should have ${expected}`);
  if (rows !== found) problems.push(`has ${rows - found} numbers twice`);
  if (fallsAt !== null) problems.push(`has a mark at ${fallsAt} that is below the one before`);
  if (isAboveHead) problems.push('has a mark above that of the chat');
  return problems;
}
