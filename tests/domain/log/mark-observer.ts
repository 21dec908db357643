import pg from 'pg';
import { type Horizon, Marks } from '../../../src/domain/log/marks.js';
import type { OpenDatabase } from '../../../src/plugins/database/client.js';

interface Row {
  chat: string;
  seq: number;
  mark: number;
  /** The message's id, or the event's kind. */
  what: string;
}

/** What was below a horizon when it was read: of each chat, how many changes and the last of them. */
interface Sighting {
  horizon: Horizon;
  below: Map<string, { count: number; last: string }>;
}

// A mark from another server counts as 0.
const ROWS = `SELECT l.chat, l.seq, CASE WHEN l.seq <= c.mark_base THEN 0 ELSE l.mark END::float8 AS mark, l.what FROM (
    SELECT chat_id AS chat, seq, mark, id::text AS what FROM messages
    UNION ALL SELECT chat_id, seq, mark, kind FROM chat_events) l JOIN chats c ON c.id = l.chat ORDER BY l.chat, l.seq`;

/** Takes horizons while others write, and holds each of them to what the database shows then and in the end. */
export class MarkObserver {
  private readonly sightings: Sighting[] = [];
  private readonly pool: pg.Pool;
  private readonly marks: Marks;

  constructor(
    db: OpenDatabase,
    url: string,
    private readonly chats: readonly string[],
  ) {
    // One connection, for several statements of one snapshot.
    this.pool = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
    this.pool.on('error', () => {});
    this.marks = new Marks({ ...db, pool: this.pool, namedStatements: false });
  }

  get count(): number {
    return this.sightings.length;
  }

  /** Reads a horizon and the logs in one snapshot. @throws Error that says what is wrong with it */
  async look(): Promise<Horizon> {
    await this.pool.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const horizon = await this.marks.horizon(this.chats);
    const numbers = await this.marks.numbersAt(this.chats, horizon.below);
    const logs = await this.readLogs();
    await this.pool.query('COMMIT');
    const below: Sighting['below'] = new Map();
    for (const { chatId, seq, mark } of horizon.heads) {
      const log = logs.get(chatId) ?? [];
      const count = log.filter((row) => row.mark < horizon.below).length;
      const at = `at the horizon ${horizon.below} in the chat ${chatId}`;
      requireThat(log.length === seq, `The log has ${log.length} rows and its head is ${seq}, ${at}.`);
      requireThat(
        log.every((row, index) => row.seq === index + 1),
        `The log has a hole, ${at}.`,
      );
      requireThat(
        log.every((row, index) => row.mark >= (log[index - 1]?.mark ?? 0)),
        `A mark falls, ${at}.`,
      );
      requireThat(
        log.every((row) => row.mark <= mark || row.mark === 0),
        `A mark is above the head's, ${at}.`,
      );
      requireThat(
        log.slice(0, count).every((row) => row.mark < horizon.below),
        `What is below is no prefix, ${at}.`,
      );
      requireThat(numbers.get(chatId) === count, `numbersAt says ${numbers.get(chatId)} in place of ${count}, ${at}.`);
      below.set(chatId, { count, last: log[count - 1]?.what ?? '' });
    }
    this.sightings.push({ horizon, below });
    return horizon;
  }

  /** Holds every horizon of before to what is there now. @throws Error for a change that came below one later */
  async verify(): Promise<void> {
    const logs = await this.readLogs();
    for (const { horizon, below } of this.sightings)
      for (const [chat, { count, last }] of below) {
        const log = (logs.get(chat) ?? []).filter((row) => row.mark < horizon.below);
        const at = `at the horizon ${horizon.below} in the chat ${chat}`;
        requireThat(log.length === count, `${log.length - count} changes came later, ${at}.`);
        requireThat((log.at(-1)?.what ?? '') === last, `Another change came in the place of the last, ${at}.`);
      }
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async readLogs(): Promise<Map<string, Row[]>> {
    const logs = new Map<string, Row[]>();
    for (const row of (await this.pool.query<Row>(ROWS)).rows) {
      const log = logs.get(row.chat);
      if (log) log.push(row);
      else logs.set(row.chat, [row]);
    }
    return logs;
  }
}

function requireThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
