import type { QueryResultRow } from 'pg';
import type { ChatMutex } from '../chats/chat-mutex.js';
import { answerTimeoutMs, type Database, databaseTimeout, query, type Statement } from '../database.js';
import { databaseAway } from '../errors.js';
import { Batcher } from '../queues/batcher.js';
import { classifyFailure } from './waiting-send.js';

/** Most changes in one statement. It holds the rows of their chats for the time that all of them take: about 3 ms. */
const MAX_BATCH = 32;
/** Most changes of one kind that wait for a statement. */
const MAX_WAITING = 5000;

/** A database function that changes one chat, and its two statements. */
export interface ChangeFunction {
  /** For one change, which waits for the chat's row. */
  alone: Statement;
  /** For many, each of another chat, which wait for none. `place` counts from 1. */
  together: Statement;
}

/**
 * @param name the function in `prisma/functions`; its last parameter is `p_waits`
 * @param types the types of its other parameters, of which the first is the chat's id. Of an array, PostgreSQL's text of it is given
 */
export function changeFunction(name: string, types: readonly string[]): ChangeFunction {
  const statement = `message-change-${name.replaceAll('_', '-')}`;
  const own = types.map((type, index) => `$${index + 1}::${type}`);
  const lists = types.map((type, index) => `$${index + 1}::${type.endsWith('[]') ? 'text' : type}[]`);
  const names = types.map((_, index) => `a${index}`);
  const asked = types.map((type, index) => `asked.a${index}::${type}`);
  return {
    alone: { name: statement, text: `SELECT * FROM ${name}(${own.join(', ')}, true)` },
    together: {
      name: `${statement}-together`,
      text: `SELECT asked.place::int, changed.* FROM unnest(${lists.join(', ')}) WITH ORDINALITY AS asked (${names.join(', ')}, place)
        CROSS JOIN LATERAL ${name}(${asked.join(', ')}, false) AS changed`,
    },
  };
}

/** The arguments of a function, without `p_waits`. */
export type ChangeValues = readonly [chatId: string, ...more: unknown[]];

/**
 * Runs the changes that one database function makes. Those of one chat come one after another. Those of different chats that arrive
 * together share a statement and a COMMIT, and wait for nobody: a change whose chat or sign-in is locked then, or that has to be alone
 * for another reason, runs alone.
 */
export class ChangeWriter<Row extends QueryResultRow & { outcome: string }> {
  private readonly batches: Batcher<ChangeValues, readonly Row[]>;

  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly change: ChangeFunction,
  ) {
    const timeoutMs = answerTimeoutMs(db);
    this.batches = new Batcher((changes) => this.runTogether(changes), {
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
      deadlineMs: timeoutMs,
      overloaded: () => databaseAway(new Error('Too many changes of messages wait to be written.')),
      late: () => databaseAway(databaseTimeout(timeoutMs)),
      isRefusal: () => false,
    });
  }

  /**
   * Resolves after COMMIT with the function's rows.
   * @throws DomainError as `ChatMutex.run`; the errors of `query`
   */
  run(values: ChangeValues): Promise<readonly Row[]> {
    return this.mutex.run(values[0], async () => {
      const rows = await this.batches.add(values);
      return rows.length > 0 ? rows : this.ask(this.change.alone, values);
    });
  }

  /** For a change that takes long: nobody waits for it but its chat. Otherwise as `run`. */
  runAlone(values: ChangeValues): Promise<readonly Row[]> {
    return this.mutex.run(values[0], () => this.ask(this.change.alone, values));
  }

  drain(): Promise<void> {
    return this.batches.drain();
  }

  /** The rows of each change; none for one that has to run alone, and has changed nothing. */
  private async runTogether(changes: readonly ChangeValues[]): Promise<(readonly Row[])[]> {
    const results: Row[][] = changes.map(() => []);
    if (changes.length === 1) return results;
    // The function locks the chats in this order, which must be that of their ids.
    const order = [...changes.entries()].sort(([, [one]], [, [other]]) => (one < other ? -1 : one > other ? 1 : 0));
    const columns = changes[0]?.map((_, column) => order.map(([, values]) => values[column])) ?? [];
    const rows = await this.ask<Row & { place: number }>(this.change.together, columns).catch((error: unknown) => {
      // Nothing was written: one of the changes is at fault, or something is locked.
      if (classifyFailure(error) !== 'whole-batch') return [];
      throw error;
    });
    for (const row of rows) {
      const [index] = order[row.place - 1] ?? [];
      if (index !== undefined && row.outcome !== 'busy') results[index]?.push(row);
    }
    return results;
  }

  private ask<Asked extends QueryResultRow = Row>(statement: Statement, values: readonly unknown[]): Promise<Asked[]> {
    return query<Asked>(this.db, statement, [...values]);
  }
}
