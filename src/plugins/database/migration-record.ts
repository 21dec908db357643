import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { MigrationFailedError } from './errors.js';
import type { Migration } from './migration-files.js';

interface RecordRow {
  name: string;
  is_finished: boolean;
}

/** The table as Prisma creates it. Prisma's own commands read it. */
const CREATE_RECORD = `CREATE TABLE _prisma_migrations (
  id varchar(36) PRIMARY KEY,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

/**
 * Returns the names of the migrations that the database has. Creates the record in an empty database.
 *
 * @throws MigrationFailedError when the database has tables but no record, or when Prisma's own command left a migration unfinished
 */
export async function openRecord(client: ClientBase): Promise<Set<string>> {
  if (!(await exists(client))) {
    await requireNoTables(client);
    await client.query(CREATE_RECORD);
    return new Set();
  }
  const { rows } = await client.query<RecordRow>(
    `SELECT migration_name AS name, finished_at IS NOT NULL AS is_finished FROM _prisma_migrations
     WHERE rolled_back_at IS NULL`,
  );
  const unfinished = rows.find((row) => !row.is_finished);
  if (unfinished) throw new MigrationFailedError(unfinished.name, leftUnfinished());
  return new Set(rows.map(({ name }) => name));
}

/** Records a migration whose SQL has just run. */
export async function recordMigration(
  client: ClientBase,
  { name, checksum }: Migration,
  startedAt: Date,
): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
    [randomUUID(), checksum, name, startedAt],
  );
}

async function exists(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ exists: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`,
  );
  return rows[0]?.exists === true;
}

/** @throws MigrationFailedError when the schema has tables that belong to no extension */
async function requireNoTables(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class c
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
     ORDER BY relname LIMIT 1`,
  );
  const [table] = rows;
  if (table) throw new MigrationFailedError(undefined, notEmpty(table.name));
}

function notEmpty(table: string): Error {
  return new Error(
    `its schema "public" has tables of another program ("${table}"); let DATABASE_URL name an empty database`,
  );
}

function leftUnfinished(): Error {
  return new Error(
    'Prisma\'s own command began it and did not finish; undo what it did, and let "prisma migrate resolve" say so',
  );
}
