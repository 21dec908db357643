import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { schemaDifference } from '../../../scripts/schema-difference.js';
import { noFilters, openSchemaEngine } from '../../../scripts/schema-engine.js';
import { readMigrations, SHIPPED_MIGRATIONS } from '../../../src/plugins/database/migration-files.js';
import { lockServiceTables, SERVICE_TABLES } from '../../../src/plugins/database/migration-locks.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { manage } from '../../support/manage.js';
import { runTypeScript } from '../../support/process.js';
import { Service } from '../../support/service.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { waitUntil } from '../../support/wait-until.js';

const shipped = await readMigrations();
const names = shipped.map(({ name }) => name);

describe('migrations', { timeout: 60_000 }, () => {
  let database: TestDatabase | undefined;
  const clients: pg.Client[] = [];
  const folders: string[] = [];
  /** The migrations of this version and further ones, name → SQL, in a folder of their own. */
  async function withLater(later: Record<string, string>): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    folders.push(folder);
    await cp(SHIPPED_MIGRATIONS, folder, { recursive: true });
    for (const [name, sql] of Object.entries(later)) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'migration.sql'), sql);
    }
    return folder;
  }
  afterEach(async () => {
    await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await database?.drop();
  });

  it('are applied once when four processes start together on an empty database', async () => {
    database = await createEmptyDatabase();
    const { url } = database;
    const runs = Array.from({ length: 4 }, () =>
      text(runTypeScript(new URL('./processes/migrate.ts', import.meta.url), url).stdout),
    );
    const applied: string[][] = (await Promise.all(runs)).map((output) => JSON.parse(output));
    expect(applied.sort((a, b) => b.length - a.length)).toEqual([names, [], [], []]);
    expect(await query(url, 'SELECT migration_name FROM _prisma_migrations ORDER BY 1')).toEqual(names);
  });

  it('change nothing on a database that has them, and make exactly what schema.prisma describes', async () => {
    database = await createTestDatabase();
    expect(await applyMigrations(database.url)).toEqual([]);
    expect(await schemaDifference(database.url)).toBe('');
  });

  it("leave a record that Prisma's own engine takes for its own, and finds complete", async () => {
    database = await createTestDatabase();
    const content = await readFile(join(SHIPPED_MIGRATIONS, 'migration_lock.toml'), 'utf8');
    const migrationsList = {
      baseDir: SHIPPED_MIGRATIONS,
      lockfile: { path: 'migration_lock.toml', content },
      shadowDbInitScript: '',
      migrationDirectories: shipped.map(({ name, sql }) => ({
        path: name,
        migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
      })),
    };
    const pool = new pg.Pool({ connectionString: database.url });
    const engine = await openSchemaEngine(new PrismaPg(pool));
    const options = { migrationsList, filters: noFilters };
    expect(await engine.diagnoseMigrationHistory({ ...options, optInToShadowDatabase: false })).toMatchObject({
      hasMigrationsTable: true,
      history: null,
      failedMigrationNames: [],
      editedMigrationNames: [],
    });
    expect(await engine.applyMigrations(options)).toEqual({ appliedMigrationNames: [] });
    engine.free();
    await pool.end();
  });

  it('are not applied beside tables of another program', async () => {
    database = await createEmptyDatabase();
    await query(database.url, 'CREATE TABLE blog (id int)');
    await expect(applyMigrations(database.url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message:
        'Migrating failed, and the database is as it was before: its schema "public" has tables of another program ' +
        '("blog"); let DATABASE_URL name an empty database.',
    });
    expect(await query(database.url, "SELECT to_regclass('users')")).toEqual([null]);
  });

  it("wait until what Prisma's own command began is undone", async () => {
    database = await createTestDatabase();
    const { url } = database;
    const [first = ''] = names;
    await query(url, 'UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = $1', [first]);
    await expect(applyMigrations(url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(
        `The migration ${first} failed, and the database is as it was before: Prisma's own`,
      ),
    });
    await query(url, 'UPDATE _prisma_migrations SET finished_at = now() WHERE migration_name = $1', [first]);
    expect(await applyMigrations(url)).toEqual([]);
  });

  it('say who cannot be reached, without the password', async () => {
    await expect(applyMigrations('postgresql://ann:hunter2@127.0.0.1:1/chat')).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: 'Cannot connect to the database at 127.0.0.1:1/chat: connect ECONNREFUSED 127.0.0.1:1.',
    });
  });

  it.runIf(testDatabaseSource().kind === 'postgres')(
    'say in one sentence that a role may not create tables (on a server alone)',
    async () => {
      database = await createEmptyDatabase();
      const role = `chat_test_${randomUUID().slice(0, 8)}`;
      await query(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
      const url = Object.assign(new URL(database.url), { username: role, password: 'x' }).href;
      const environment = { PATH: process.env.PATH ?? '', DATABASE_URL: url, REDIS_URL: '' };
      const outcome = await manage({ environment, folder: tmpdir() }, ['migrate']);
      await query(database.url, `DROP ROLE ${role}`);
      expect(outcome).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'Migrating failed, and the database is as it was before: the role of DATABASE_URL may not create tables there. ' +
          'Let it (GRANT CREATE ON SCHEMA public), or run "npm run manage -- migrate" as a role that may.\n',
      });
    },
  );

  describe.runIf(testDatabaseSource().kind === 'postgres')('of a running service (on a server alone)', () => {
    async function traffic(url: string): Promise<pg.Client> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      clients.push(client);
      await client.query('BEGIN');
      return client;
    }
    const waiters = (url: string) =>
      query(
        url,
        `SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE d.datname = current_database() AND NOT granted AND mode = 'AccessExclusiveLock'`,
      );

    for (const [first, second] of [
      ['users', 'token_families'],
      ['token_families', 'users'],
      ['users', 'chats'],
      ['messages', 'users'],
    ])
      it(`end in no deadlock with a transaction that took ${first} and then wants ${second}`, async () => {
        database = await createTestDatabase();
        const { url } = database;
        const alter = (table: string) => `ALTER TABLE ${table} ADD COLUMN later int;`;
        const tables = ['users', 'token_families', 'chats', 'messages'];
        const folder = await withLater({ '29990101000000_later': tables.map(alter).join('\n') });
        const client = await traffic(url);
        await client.query(`LOCK TABLE ${first} IN ROW EXCLUSIVE MODE`);
        const migrated = applyMigrations(url, folder);
        await waitUntil('The migration waits', 10_000, async () => (await waiters(url)).length > 0);
        await client.query(`LOCK TABLE ${second} IN ROW EXCLUSIVE MODE`);
        await client.query('COMMIT');
        expect(await migrated).toEqual(['29990101000000_later']);
      });

    it('say which table somebody else holds, once it is held for too long', async () => {
      database = await createTestDatabase();
      const client = await traffic(database.url);
      await client.query('LOCK TABLE chats IN ROW EXCLUSIVE MODE');
      await expect(lockServiceTables(await traffic(database.url), 0)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message:
          'Migrating failed, and the database is as it was before: a transaction that somebody else has open uses ' +
          'the table chats; end it (pg_stat_activity shows it) and start again.',
      });
    });

    it('take as long as they take when the service starts, which says at once what it does', async () => {
      database = await createTestDatabase();
      // Another process's turn to migrate.
      const client = await traffic(database.url);
      await client.query('SELECT pg_advisory_xact_lock(72707369)');
      const pluginMs = 4000;
      const log: string[] = [];
      const logStream = { write: (line: string) => void log.push(line) };
      const started = Service.start(database, {}, { pluginMs, logStream });
      await waitUntil('A line of the log', 10_000, () =>
        log.some((line) => line.includes('waiting for another process, which migrates the database')),
      );
      // The time itself is what is tested.
      await delay(pluginMs + 500);
      await client.query('COMMIT');
      const service = await started;
      expect((await service.query(null, '{ __typename }')).status).toBe(200);
      await service.app.close();
    });

    it('wait for nobody when there is nothing to migrate', async () => {
      database = await createTestDatabase();
      const client = await traffic(database.url);
      await client.query('LOCK TABLE users, chats IN ROW EXCLUSIVE MODE');
      expect(await applyMigrations(database.url)).toEqual([]);
    });
  });

  it('lock every table of the service before they change one', async () => {
    database = await createTestDatabase();
    const tables = await query(
      database.url,
      `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    );
    expect([...SERVICE_TABLES, '_prisma_migrations'].sort()).toEqual(tables.sort());
  });

  describe('of a later version', () => {
    beforeEach(async () => {
      database = await createTestDatabase();
    });

    it('may hold functions with semicolons in their bodies', async () => {
      const folder = await withLater({
        '29990101000000_double': `CREATE FUNCTION double(n int) RETURNS int LANGUAGE plpgsql AS $$
         DECLARE result int; -- a ';' in a comment
         BEGIN result := n + n; RETURN result; END; $$;
         CREATE TABLE doubled (n int);`,
      });
      expect(await applyMigrations(urlOf(database), folder)).toEqual(['29990101000000_double']);
      expect(await query(urlOf(database), 'SELECT double(21)')).toEqual([42]);
    });

    it('leave the database as it was when one of them fails, and apply once it is mended', async () => {
      const folder = await withLater({
        '29990101000000_good': 'CREATE TABLE good (n int);',
        '29990102000000_bad': 'CREATE TABLE bad (n int); CREATE TABLE bad (n int);',
      });
      await expect(applyMigrations(urlOf(database), folder)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message:
          'The migration 29990102000000_bad failed, and the database is as it was before: relation "bad" already exists.',
      });
      expect(await query(urlOf(database), "SELECT to_regclass('good')")).toEqual([null]);

      await writeFile(join(folder, '29990102000000_bad/migration.sql'), 'CREATE TABLE bad (n int);');
      expect(await applyMigrations(urlOf(database), folder)).toEqual(['29990101000000_good', '29990102000000_bad']);
    });
  });
});

function urlOf(database: TestDatabase | undefined): string {
  if (!database) throw new Error('There is no database yet.');
  return database.url;
}

/** The first column of what a query returns. */
async function query(url: string, sql: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, values, rowMode: 'array' });
    return rows.map(([value]) => value);
  } finally {
    await client.end();
  }
}
