import { type Database, query } from '../database.js';
import { DeploymentMissingError } from '../deployment.js';
import type { ChatHead } from './chat-log.js';

/** A chat's head, and the mark of its newest change. */
export interface MarkedHead extends ChatHead {
  mark: number;
}

/** A position over all chats, and heads of the same moment. */
export interface Horizon {
  /** The deployment's epoch. Marks of different instances cannot be compared. */
  instance: string;
  /** A mark. In each chat, the changes with a lower mark are a complete prefix of its log. */
  below: number;
  /** Of the requested chats that exist, in no order. */
  heads: MarkedHead[];
}

/** A transaction that has an id and has not ended. */
export interface HeldBack {
  /** Its server process; null for a prepared transaction, which has none. */
  pid: number | null;
  /** Since when it has been open. */
  seconds: number;
}

interface Row {
  instance: string;
  xmin: number;
  chatId: string | null;
  epoch: string;
  seq: number;
  mark: number;
}

// A double holds the transaction ids: they stay below 2^53 for longer than any server runs. The deployment's row is found by its
// key: `enable_seqscan` is off, so PostgreSQL takes a sequential scan for so expensive that it compiles the plan for half a second.
const HORIZON = {
  name: 'chats-horizon',
  text: `SELECT d.epoch AS instance, pg_snapshot_xmin(pg_current_snapshot())::text::float8 AS xmin,
      c.id AS "chatId", c.epoch, c.last_seq AS seq, c.mark::float8 AS mark
    FROM deployment d LEFT JOIN chats c ON c.id = ANY ($1::uuid[]) WHERE d.is_only`,
};

// The lowest id of the running transactions is `xmin`; a prepared transaction runs in no process. Ids in the views have 32 bits.
const HELD_BACK = {
  name: 'marks-held-back',
  text: `SELECT h.pid, extract(epoch FROM clock_timestamp() - h.since)::float8 AS seconds
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::xid AS xmin) s CROSS JOIN LATERAL (
      SELECT a.pid, coalesce(a.xact_start, a.backend_start, clock_timestamp()) AS since FROM pg_stat_activity a WHERE a.backend_xid = s.xmin
      UNION ALL SELECT NULL, p.prepared FROM pg_prepared_xacts p WHERE p.transaction = s.xmin) h LIMIT 1`,
};

const NUMBERS = {
  name: 'chats-numbers-at-horizon',
  text: 'SELECT c.id AS "chatId", chat_seq_at(c.id, $2) AS seq FROM chats c WHERE c.id = ANY ($1::uuid[])',
};

/**
 * Gives positions over all chats, without a lock across chats.
 *
 * Every change stores a mark: the highest id of a transaction that has written to its chat so far (`take_number` in
 * prisma/functions). So marks never fall along a chat's log, and the id of a change's own transaction is at most its mark. Let W
 * be a snapshot's xmin: the lowest id of the transactions that run when it is taken. In each chat, the changes with marks below W
 *
 * - are visible in the snapshot, because their transactions have ended;
 * - are a prefix of the log, because marks never fall;
 * - are complete, because a transaction that writes later has an id of at least W.
 *
 * The third holds while the server runs. After a crash, the server reuses the ids that are not in its log on disk, which are ids of
 * transactions that were rolled back. So a horizon is at most one above the highest visible mark: the COMMIT of that transaction
 * is on disk, and no id up to it is reused.
 * This takes `synchronous_commit = on`, and no failover to a replica that lacks what was committed.
 */
export class Marks {
  constructor(private readonly db: Database) {}

  /**
   * A horizon, and the heads of these chats in the same snapshot. A client that has read each chat up to its head has every change
   * below the horizon.
   * @throws DeploymentMissingError when the database has no deployment row
   */
  async horizon(chatIds: readonly string[]): Promise<Horizon> {
    const rows = await query<Row>(this.db, HORIZON, [chatIds]);
    const [first] = rows;
    if (!first) throw new DeploymentMissingError();
    const heads: MarkedHead[] = [];
    for (const { chatId, epoch, seq, mark } of rows) if (chatId !== null) heads.push({ chatId, epoch, seq, mark });
    const newest = heads.reduce((highest, { mark }) => Math.max(highest, mark), 0);
    return { instance: first.instance, below: Math.min(first.xmin, newest + 1), heads };
  }

  /**
   * The oldest transaction that writes, which no horizon passes until it ends; undefined when none runs. Any transaction of the server
   * counts, in any of its databases.
   */
  async heldBack(): Promise<HeldBack | undefined> {
    const [row] = await query<HeldBack>(this.db, HELD_BACK, []);
    return row;
  }

  /** By chat, the number of the newest change whose mark is below `horizon`; 0 for none. Chats that do not exist are absent. */
  async numbersAt(chatIds: readonly string[], horizon: number): Promise<Map<string, number>> {
    const rows = await query<{ chatId: string; seq: number }>(this.db, NUMBERS, [chatIds, horizon]);
    return new Map(rows.map(({ chatId, seq }) => [chatId, seq]));
  }
}
