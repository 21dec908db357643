import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { rightOf } from '../../../src/domain/chats/rights.js';
import { Random } from '../../faults/random.js';

/** What is there to write to. */
export interface MarkWorld {
  chats: readonly string[];
  /** All of them admins, who may write everywhere. */
  users: readonly string[];
}

export interface WriterOptions extends MarkWorld {
  url: string;
  seed: number;
  /** How many transactions, those included that are rolled back. */
  transactions: number;
  /** How long a transaction may do nothing between two of its statements, in milliseconds. */
  longestPauseMs: number;
}

/** What other transactions cause: a lock that is not had in time, a deadlock, a backend that was ended. */
const EXPECTED = new Set(['55P03', '40P01', '57P01']);

/**
 * Transactions as the service's own and longer ones: each changes one to three chats in the order of their ids, by every function
 * that takes a number, some of it under a savepoint that is rolled back, and rests in between. One of six is rolled back.
 * @returns how many were committed
 */
export async function writeAtRandom(options: WriterOptions): Promise<number> {
  const random = new Random(options.seed);
  const pool = new pg.Pool({ connectionString: options.url, max: 1 });
  let broken: Error | undefined;
  pool.on('error', () => {});
  pool.on('connect', (client) => {
    client.on('error', (error) => {
      broken = error;
    });
  });
  let committed = 0;
  for (let count = 0; count < options.transactions; count += 1) {
    const client = await pool.connect();
    broken = undefined;
    try {
      await client.query('BEGIN');
      const chats = Array.from({ length: random.int(1, 4) }, () => random.pick(options.chats));
      for (const chat of [...new Set(chats)].sort()) await change(client, chat, random, options);
      const isKept = !random.chance(1 / 6);
      await client.query(isKept ? 'COMMIT' : 'ROLLBACK');
      if (isKept) committed += 1;
    } catch (error) {
      if (!broken && !isExpected(error)) throw error;
      if (!broken) await client.query('ROLLBACK').catch(() => {});
    } finally {
      client.release(broken);
    }
  }
  await pool.end();
  return committed;
}

async function change(client: pg.PoolClient, chat: string, random: Random, options: WriterOptions): Promise<void> {
  const user = random.pick(options.users);
  const isUndone = random.chance(0.2);
  if (isUndone) await client.query('SAVEPOINT part');
  const kind = random.int(0, 4);
  if (kind === 0) await client.query('SELECT add_chat_member($1, $2, NULL)', [chat, user]);
  else if (kind === 1)
    await client.query('SELECT remove_chat_member($1, $2, NULL, NULL, $3)', [chat, user, rightOf('remove', null)]);
  else if (kind === 2) await client.query(SOME_EVENT, [chat]);
  else await send(client, chat, user, random.int(1, 7));
  if (isUndone) await client.query('ROLLBACK TO SAVEPOINT part');
  await client.query('SELECT pg_sleep($1)', [(random.next() ** 3 * options.longestPauseMs) / 1000]);
}

const SOME_EVENT = `INSERT INTO chat_events (chat_id, seq, mark, kind) SELECT $1, seq, mark, 'some.kind' FROM take_number($1)`;

async function send(client: pg.PoolClient, chat: string, user: string, count: number): Promise<void> {
  const each = <Item>(item: (index: number) => Item) => Array.from({ length: count }, (_, index) => item(index));
  await client.query(
    'SELECT append_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], 2000, $6, $7)',
    [
      each(() => randomUUID()),
      each(() => chat),
      each(() => user),
      each((index) => `message ${index}`),
      each(() => null),
      'member',
      'moderator',
    ],
  );
}

function isExpected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return 'code' in error ? EXPECTED.has(String(error.code)) : /Connection terminated/.test(error.message);
}
