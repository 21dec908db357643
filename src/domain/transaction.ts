import type { PoolClient } from 'pg';
import type { Database } from './database.js';

/**
 * A transaction waits for a lock for 1 s, less than a statement may take, so that a long-held lock does not use up the pool's
 * connections. A process that stops in the middle of a transaction loses its locks after a minute.
 */
const BEGIN = "BEGIN; SET LOCAL lock_timeout = '1s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

export interface TransactionOptions {
  /** An advisory lock that is taken as the transaction begins, and held to its end. */
  lock?: number;
}

/**
 * Runs `work` between BEGIN and COMMIT on one connection; rolls back and rethrows when it throws. A lock that is not granted within
 * 1 s throws SQLSTATE 55P03, which clients see as `SERVICE_UNAVAILABLE`.
 */
export async function transaction<Result>(
  db: Database,
  work: (connection: PoolClient) => Promise<Result>,
  { lock }: TransactionOptions = {},
): Promise<Result> {
  const connection = await db.pool.connect();
  let broken: Error | undefined;
  // The pool handles errors of idle connections only: one that breaks between two statements would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  connection.on('error', onError);
  try {
    await connection.query(lock === undefined ? BEGIN : `${BEGIN}; SELECT pg_advisory_xact_lock(${lock})`);
    const result = await work(connection);
    await connection.query('COMMIT');
    return result;
  } catch (error) {
    await connection.query('ROLLBACK').catch(onError);
    throw error;
  } finally {
    connection.off('error', onError);
    connection.release(broken);
  }
}
