import { randomInt } from 'node:crypto';
import pg from 'pg';
import { applyMigrations } from '../../src/plugins/database/migrations.js';
import type { TestDatabaseSource } from './test-database-source.js';

/** The first half of the advisory locks' keys; the second is the run's number. */
const testRuns = 0x7e57;

/**
 * A migrated database on the given server, which test files clone. Its name and those of its clones contain the run's number, on
 * which the run holds an advisory lock. A database whose number is not locked was left by a run that crashed.
 */
export async function postgresTemplate(serverUrl: string) {
  const server = new pg.Client({ connectionString: serverUrl, keepAlive: true });
  await server.connect();
  const home = server.database ?? 'postgres';
  await dropLeftDatabases(server, home);

  const run = randomInt(1, 2 ** 31);
  await server.query('SELECT pg_advisory_lock($1, $2)', [testRuns, run]);
  const namePrefix = `${home}_test_${run}`;
  const template = `${namePrefix}_template`;
  await server.query(`CREATE DATABASE "${template}"`);
  await applyMigrations(onServer(serverUrl, template));

  const source: TestDatabaseSource = { kind: 'postgres', serverUrl, namePrefix, template };
  const { rows } = await server.query<{ server_version: string }>('SHOW server_version');
  return {
    source,
    description: `PostgreSQL ${rows[0]?.server_version} at ${server.host}:${server.port}`,
    async remove() {
      await dropDatabases(server, namePrefix);
      await server.end();
    },
  };
}

/** The URL of another database on the same server. */
export function onServer(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function dropLeftDatabases(server: pg.Client, home: string): Promise<void> {
  const { rows } = await server.query<{ run: number }>(
    "SELECT DISTINCT substring(datname FROM '_test_([0-9]+)_')::int AS run FROM pg_database WHERE datname ~ $1",
    [`^${home}_test_[0-9]+_`],
  );
  for (const { run } of rows) {
    const lock = await server.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS free', [testRuns, run]);
    if (lock.rows[0]?.free) await dropDatabases(server, `${home}_test_${run}`);
  }
}

async function dropDatabases(server: pg.Client, prefix: string): Promise<void> {
  const { rows } = await server.query<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)',
    [`${prefix}_`],
  );
  for (const { name } of rows) await server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
}
