import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import type { Prisma, PrismaClient } from '../generated/prisma/client.js';
import { DomainError, databaseAway } from './errors.js';
import { isoTypes } from './timestamps.js';
import { within } from './within.js';

/** One PostgreSQL reached two ways over one pool: Prisma for the models, `pg` for the raw statements of the hot paths. */
export interface Database {
  prisma: PrismaClient;
  pool: Pool;
  /** False on the embedded database, whose connections share one session and would meet in their statements' names. */
  namedStatements: boolean;
}

/** The models alone, on the database or inside a transaction. */
export interface Models {
  prisma: Prisma.TransactionClient;
}

/** A raw statement of a hot path. PostgreSQL parses and plans it once per connection, under its name. */
export interface Statement {
  name: string;
  text: string;
}

/**
 * How long who asks PostgreSQL waits before it counts as away, in milliseconds. Clients are promised an answer within 3 s; the
 * rest is for a machine on which everything wakes at once when a server comes back.
 */
export const DATABASE_PATIENCE_MS = 2000;

/**
 * Runs a raw statement and returns its rows. Errors are those of `pg`.
 *
 * A server that hangs with its connections open (frozen, or behind a cut cable) is away after 2 s, the wait for a connection
 * included: whether the statement was carried out is unknown then. The embedded database cannot be away; its queue may be slow.
 * @throws DomainError `SERVICE_UNAVAILABLE`
 */
export function query<Row extends QueryResultRow>(
  db: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> {
  return run(db, statement, { values });
}

/**
 * The same for what is read most: a row comes as the values of its columns, in their order, and a time as ISO 8601 in UTC. A
 * page of 50 messages costs the service a quarter less that way.
 */
export function queryValues<Row extends unknown[]>(
  db: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> {
  return run(db, statement, { values, rowMode: 'array', types: isoTypes });
}

type Reading = Pick<QueryConfig, 'values' | 'types'> & { rowMode?: 'array' };

async function run<Row>(db: Database, { name, text }: Statement, reading: Reading): Promise<Row[]> {
  if (!db.namedStatements) return (await db.pool.query({ text, ...reading })).rows;
  let isLate = false;
  let held: { sentAt: number; release: (reason?: Error) => void } | undefined;
  const answer = new Promise<Row[]>((resolve, reject) => {
    db.pool.connect((error, client, release) => {
      if (!client) return reject(error);
      if (isLate) return release();
      const holding = { sentAt: performance.now(), release: once(release) };
      held = holding;
      void client.query({ name, text, ...reading }, (failure, result) => {
        holding.release(failure ?? undefined);
        if (failure) reject(failure);
        else resolve(result.rows);
      });
    });
  });
  const rows = await within(DATABASE_PATIENCE_MS, answer);
  if (rows) return rows;
  isLate = true;
  const late = new Error(`The database did not answer within ${DATABASE_PATIENCE_MS} ms.`);
  // A connection that was long waited for is not to blame, and gets as long for its own part; then it is of no use any more.
  // The driver's own limit for a query is not used, on this path or on another: what its timers held, the collections of the
  // young generation kept, and reading pages of history took half as long again.
  if (held) setTimeout(held.release, held.sentAt + DATABASE_PATIENCE_MS - performance.now(), late).unref();
  throw databaseAway(late);
}

/** A connection that has been given back is somebody else's. */
function once(release: (reason?: Error) => void): (reason?: Error) => void {
  let released = false;
  return (reason) => {
    if (released) return;
    released = true;
    release(reason);
  };
}

/** The error a client may read, when this is one: a refusal, or the word that the database is away. */
export function clientError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  return isDatabaseAway(error) ? databaseAway(error) : undefined;
}

// SQLSTATE classes: 08 connection exception, 53 insufficient resources, 57P0x shutdown and crash (PostgreSQL, Appendix A),
// 25006 a server that came back as a read-only standby.
const AWAY_SQLSTATE = /^(08...|53...|57P0[1-5]|57014|25006)$/;
const AWAY_PRISMA = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037']);
const AWAY_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);
const AWAY_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|server closed the connection|not queryable|Cannot use a pool after calling end/i;

/** True when an error of `pg` or Prisma means that the database could not be asked, not that it said no. */
export function isDatabaseAway(error: unknown): boolean {
  // Who sent a request and went away broke a connection too, by the same code; that error has the status of an answer.
  if (error instanceof Error && 'statusCode' in error) return false;
  for (let current = error, depth = 0; current instanceof Error && depth < 5; depth += 1) {
    const code = codeOf(current);
    if (code && (AWAY_PRISMA.has(code) || AWAY_SYSTEM.has(code) || AWAY_SQLSTATE.test(code))) return true;
    if (AWAY_TEXT.test(current.message)) return true;
    const nested = nestedCode(current);
    if (nested && (AWAY_SQLSTATE.test(nested) || AWAY_SYSTEM.has(nested))) return true;
    current = current.cause;
  }
  return false;
}

function codeOf(error: object): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Prisma, under several codes of its own, puts the driver's at `meta.driverAdapterError.cause.originalCode` or `cause.originalCode`. */
function nestedCode(error: object): string | undefined {
  let current: unknown = 'meta' in error ? error.meta : error;
  for (const key of ['driverAdapterError', 'cause', 'originalCode']) {
    if (typeof current !== 'object' || current === null) return undefined;
    if (key in current) current = Reflect.get(current, key);
  }
  return typeof current === 'string' ? current : undefined;
}
