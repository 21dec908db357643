import type { PoolClient } from 'pg';
import type { Database } from './database.js';

/** Runs `work` between BEGIN and COMMIT on one connection; rolls back and rethrows when it throws. */
export async function transaction<Result>(
  db: Database,
  work: (connection: PoolClient) => Promise<Result>,
): Promise<Result> {
  const connection = await db.pool.connect();
  let broken: Error | undefined;
  // The pool listens only to connections that it holds; one that breaks between two statements would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  connection.on('error', onError);
  try {
    await connection.query('BEGIN');
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
