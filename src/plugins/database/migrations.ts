import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { DatabaseUnreachableError, MigrationFailedError } from './errors.js';
import { type MigrationList, noFilters, openSchemaEngine } from './schema-engine.js';

/** prisma/migrations, three folders up from src/plugins/database as from dist/plugins/database. */
const shipped = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** Names the turn to migrate. Any number that nothing else locks here; Prisma's engine takes 72707369. */
const turnToMigrate = 72_707_370;

/** The migrations of a folder, oldest first, as the schema engine wants them. */
export async function readMigrations(folder = shipped): Promise<MigrationList> {
  const read = (path: string) => readFile(`${folder}/${path}`, 'utf8');
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: await read('migration_lock.toml') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await read(`${name}/migration.sql`) },
        },
      })),
    ),
  };
}

/**
 * Brings the database to the newest schema and returns the names of the migrations it applied: none when there was
 * nothing to do. Everything happens in one transaction, so a failed or killed run leaves nothing behind. Processes
 * that start together take turns. The record is Prisma's own table `_prisma_migrations`.
 *
 * @throws DatabaseUnreachableError when no connection can be made
 * @throws MigrationFailedError when the database refuses a migration
 */
export async function applyMigrations(databaseUrl: string, folder = shipped): Promise<string[]> {
  const migrationsList = await readMigrations(folder);
  // One connection that is never let go, so that the engine's statements are part of our transaction.
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 5000,
    max: 1,
    idleTimeoutMillis: 0,
  });
  pool.on('error', () => {}); // The statement that meets the lost connection reports it.
  try {
    await pool.query('BEGIN').catch((cause) => {
      throw new DatabaseUnreachableError(databaseUrl, cause);
    });
    await pool.query('SELECT pg_advisory_xact_lock($1)', [turnToMigrate]);
    const applied = await runEngine(pool, migrationsList);
    await pool.query('COMMIT');
    return applied;
  } finally {
    await pool.end();
  }
}

async function runEngine(pool: pg.Pool, migrationsList: MigrationList): Promise<string[]> {
  let failed: { script: string; cause: unknown } | undefined;
  const engine = await openSchemaEngine(new PrismaPg(pool), (script, cause) => {
    failed ??= { script, cause };
  });
  try {
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: noFilters });
    return appliedMigrationNames;
  } catch (cause) {
    throw new MigrationFailedError(failed && nameOf(failed.script, migrationsList), failed?.cause ?? cause);
  } finally {
    engine.free();
  }
}

function nameOf(script: string, { migrationDirectories }: MigrationList): string | undefined {
  return migrationDirectories.find(({ migrationFile }) => migrationFile.content.value === script)?.path;
}
