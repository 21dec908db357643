import { constants } from 'node:os';
import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import type { Prisma, PrismaClient } from '../generated/prisma/client.js';
import { DomainError, databaseAway } from './errors.js';
import { isoTypes } from './timestamps.js';
import { within } from './within.js';

/** One PostgreSQL database behind one pool: Prisma for the models, `pg` for the raw statements of the hot paths. */
export interface Database {
  prisma: PrismaClient;
  pool: Pool;
  /** False for the embedded database: its connections share one session, in which statement names would collide. */
  namedStatements: boolean;
}

/** The Prisma models, of the database or of a transaction. */
export interface Models {
  prisma: Prisma.TransactionClient;
}

/** A raw statement of a hot path. PostgreSQL parses and plans it once per connection and name. */
export interface Statement {
  name: string;
  text: string;
}

/**
 * How long PostgreSQL may take to answer, in milliseconds, before it counts as unavailable. Clients are promised an answer within
 * 3 s; the other second is for the load on a machine when a server comes back.
 */
export const DATABASE_TIMEOUT_MS = 2000;
/** The same for the embedded database, which is never unavailable but has a slow queue on a busy machine. */
const EMBEDDED_TIMEOUT_MS = 10_000;

/** How long a write that waits in a queue of this process waits for its answer from this database, in milliseconds. */
export function answerTimeoutMs({ namedStatements }: Pick<Database, 'namedStatements'>): number {
  return namedStatements ? DATABASE_TIMEOUT_MS : EMBEDDED_TIMEOUT_MS;
}

/** The error for the log when the database did not answer in time. */
export function databaseTimeout(ms: number): Error {
  return new Error(`The database did not answer within ${ms} ms.`);
}

/**
 * Runs a raw statement and returns its rows. Other errors than the timeout are those of `pg`.
 *
 * The timeout of 2 s includes the wait for a connection, so a server that hangs with its connections open (frozen, or behind a
 * cut cable) counts as unavailable. Whether it executed the statement is unknown then. The embedded database has no timeout.
 * @throws DomainError `SERVICE_UNAVAILABLE` after the timeout
 */
export function query<Row extends QueryResultRow>(
  db: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> {
  return run(db, statement, { values });
}

/**
 * As `query`, but a row is an array of its columns' values and a time is a string in ISO 8601, UTC. For the statements that read
 * most: a page of 50 messages costs a quarter less.
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
        holding.release(failure && !isRefusal(failure) ? failure : undefined);
        if (failure) reject(failure);
        else resolve(result.rows);
      });
    });
  });
  const rows = await within(DATABASE_TIMEOUT_MS, answer);
  if (rows) return rows;
  isLate = true;
  const late = databaseTimeout(DATABASE_TIMEOUT_MS);
  // The wait for a connection counts towards the timeout of the statement, but not towards that of the connection, which is
  // destroyed when it has not answered 2 s after the statement was sent. The driver's `query_timeout` is used nowhere: its timers
  // kept objects alive through garbage collections, and reading pages of history took half as long again.
  if (held) setTimeout(held.release, held.sentAt + DATABASE_TIMEOUT_MS - performance.now(), late).unref();
  throw databaseAway(late);
}

/** True when PostgreSQL rejected the statement and the connection can be used again: worse errors have another severity. */
function isRefusal(failure: Error): boolean {
  return 'severity' in failure && failure.severity === 'ERROR';
}

/** True for `lock_not_available` (PostgreSQL, Appendix A): another transaction held the lock for too long. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}

/** Ignores all calls but the first: a released connection may already serve another query. */
function once(release: (reason?: Error) => void): (reason?: Error) => void {
  let released = false;
  return (reason) => {
    if (released) return;
    released = true;
    release(reason);
  };
}

/** The error as a client may read it: a DomainError, or `SERVICE_UNAVAILABLE` when the database is away. Undefined for others. */
export function clientError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  return isDatabaseAway(error) ? databaseAway(error) : undefined;
}

// SQLSTATEs (PostgreSQL, Appendix A) that a statement did not cause. About the server: 08 connection, 28 authentication failed,
// 3D000 no such database, 53 resources, 57 shutdown, crash and cancelled statements, 58 system errors, XX001 and XX002 corrupted
// data, 25006 a server that came back as a read-only standby. Temporary: 25P03 and 25P04 transaction timeouts, 40 deadlock or
// serialization failure, 55P03 lock timeout.
const AWAY_SQLSTATE = /^(08...|28...|3D000|53...|57...|58...|XX00[12]|25006|25P0[34]|40...|55P03)$/;
// P1000 to P1017: no connection. P2024: pool timeout. P2028: transaction failed. P2034: conflict. P2037: too many connections.
const AWAY_PRISMA = /^(P10(0[0-38]|1[017])|P20(24|28|34|37))$/;
/** TLS failed, for example because a certificate has expired. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const AWAY_TLS =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;
/** The code of `DatabaseSessionError`: the service cannot work in the session of a new connection. */
const AWAY_SESSION = 'DATABASE_SESSION';
const SYSTEM_CODES = new Set([...Object.keys(constants.errno), 'ENOTFOUND', 'EHOSTDOWN']);
const AWAY_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|server closed the connection|SSL connection|SASL|timeout expired|not queryable|Cannot use a pool after calling end/i;

/** True when an error of `pg` or Prisma means that the database is unavailable, not that it rejected the statement. */
export function isDatabaseAway(error: unknown): boolean {
  // A client that closes its connection causes an error with the same code. Fastify gives that error a status.
  if (error instanceof Error && 'statusCode' in error) return false;
  return isAway(error, 5);
}

function isAway(error: unknown, depth: number): boolean {
  if (!(error instanceof Error) || depth === 0) return false;
  // A host name with several addresses fails with one error per address.
  if (error instanceof AggregateError && error.errors.some((each) => isAway(each, depth - 1))) return true;
  const isFile = 'path' in error && 'syscall' in error;
  if (!isFile && [codeOf(error), nestedCode(error)].some((code) => code !== undefined && isAwayCode(code))) return true;
  return AWAY_TEXT.test(error.message) || isAway(error.cause, depth - 1);
}

function isAwayCode(code: string): boolean {
  if (AWAY_SQLSTATE.test(code) || AWAY_PRISMA.test(code) || AWAY_TLS.test(code)) return true;
  return SYSTEM_CODES.has(code) || code.startsWith('EAI_') || code === AWAY_SESSION;
}

function codeOf(error: object): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The driver's code in an error of Prisma: `meta.driverAdapterError.cause.originalCode` or `cause.originalCode`. */
function nestedCode(error: object): string | undefined {
  let current: unknown = 'meta' in error ? error.meta : error;
  for (const key of ['driverAdapterError', 'cause', 'originalCode']) {
    if (typeof current !== 'object' || current === null) return undefined;
    if (key in current) current = Reflect.get(current, key);
  }
  return typeof current === 'string' ? current : undefined;
}
