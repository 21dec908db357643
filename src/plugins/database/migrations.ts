import pg from 'pg';
import { renewUsernameKeys } from '../../domain/people/username-keys.js';
import { DatabaseSessionError, DatabaseUnreachableError, MigrationFailedError } from './errors.js';
import { adoptFormerMigrations } from './former-migrations.js';
import { type Migration, readMigrations, SHIPPED_MIGRATIONS } from './migration-files.js';
import { lockServiceTables } from './migration-locks.js';
import { openRecord, recordMigration } from './migration-record.js';
import { prepareSession, sharedSession } from './session.js';

/** Key of the advisory lock that serialises migrations. Prisma's own commands take the same one. */
const MIGRATION_LOCK = 72_707_369;

/** Called before each step that may take long, with what the step does and the names of the migrations that it applies. */
export type ProgressListener = (message: string, migrations: readonly string[]) => void;

/**
 * Migrates the database to the newest schema. Returns the names of the applied migrations, none when there was nothing to do.
 *
 * Everything happens in one transaction, so a failed or killed run changes nothing. An advisory lock serialises processes that
 * start together, and Prisma's own commands. The reads and writes of a running service wait from the first change to COMMIT. The
 * record is Prisma's own table `_prisma_migrations`.
 *
 * @throws DatabaseUnreachableError when no connection can be made
 * @throws DatabaseSessionError when the server is too old, or behind a pooler without transaction support
 * @throws MigrationFailedError when the database refuses a migration, or its schema is too old for this version
 */
export async function applyMigrations(
  databaseUrl: string,
  folder = SHIPPED_MIGRATIONS,
  onProgress: ProgressListener = () => {},
): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 });
  client.on('error', () => {}); // The statement that finds the connection lost reports it.
  try {
    await begin(client).catch((cause) => {
      throw cause instanceof DatabaseSessionError ? cause : new DatabaseUnreachableError(databaseUrl, cause);
    });
    await acquireMigrationLock(client, onProgress);
    const recorded = await openRecord(client).catch(throwMigrationFailed);
    const applied = await adoptFormerMigrations(client, migrations, recorded).catch(throwMigrationFailed);
    const pending = migrations.filter(({ name }) => !applied.has(name));
    const names = pending.map(({ name }) => name);
    if (pending.length > 0) {
      onProgress('migrating the database', names);
      await lockServiceTables(client);
    }
    for (const migration of pending) await apply(client, migration);
    await renewUsernameKeys(client);
    await client.query('COMMIT');
    return names;
  } finally {
    await client.end();
  }
}

/** Session settings are made inside the transaction, because a pooler may give the next transaction another session. */
async function begin(client: pg.Client): Promise<void> {
  await client.connect();
  await client.query('BEGIN').catch((cause: Error) => {
    // The error of a pooler that supports no transactions.
    throw /pooling mode/.test(cause.message) ? sharedSession() : cause;
  });
  await prepareSession(client, { statementTimeoutMs: 0, scope: 'transaction' });
}

async function acquireMigrationLock(client: pg.Client, onProgress: ProgressListener): Promise<void> {
  const { rows } = await client.query<{ acquired: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS acquired', [
    MIGRATION_LOCK,
  ]);
  if (rows[0]?.acquired) return;
  onProgress('waiting for another process, which migrates the database', []);
  await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
}

/** Sends the SQL as one simple query, so that PostgreSQL itself splits it into statements. Functions' bodies contain semicolons. */
async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const startedAt = new Date();
  try {
    await client.query(migration.sql);
    await recordMigration(client, migration, startedAt);
  } catch (cause) {
    throw new MigrationFailedError(migration.name, cause);
  }
}

function throwMigrationFailed(cause: unknown): never {
  throw cause instanceof MigrationFailedError ? cause : new MigrationFailedError(undefined, cause);
}
