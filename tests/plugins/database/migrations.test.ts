import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { schemaDifference } from '../../../scripts/schema-difference.js';
import { applyMigrations, readMigrations } from '../../../src/plugins/database/migrations.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { runTypeScript } from '../../support/process.js';

const shipped = await readMigrations();
const names = shipped.migrationDirectories.map(({ path }) => path);

describe('migrations', { timeout: 60_000 }, () => {
  let database: TestDatabase | undefined;
  afterEach(() => database?.drop());

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

  it('say who cannot be reached, without the password', async () => {
    await expect(applyMigrations('postgresql://ann:hunter2@127.0.0.1:1/chat')).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: 'Cannot connect to the database at 127.0.0.1:1/chat: connect ECONNREFUSED 127.0.0.1:1.',
    });
  });

  describe('of a later version', () => {
    let folder: string;
    beforeEach(async () => {
      database = await createTestDatabase();
      folder = await mkdtemp(join(tmpdir(), 'migrations-'));
      await cp(shipped.baseDir, folder, { recursive: true });
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('may hold functions with semicolons in their bodies', async () => {
      await add(
        '29990101000000_double',
        `CREATE FUNCTION double(n int) RETURNS int LANGUAGE plpgsql AS $$
         DECLARE result int; -- a ';' in a comment
         BEGIN result := n + n; RETURN result; END; $$;
         CREATE TABLE doubled (n int);`,
      );
      expect(await applyMigrations(urlOf(database), folder)).toEqual(['29990101000000_double']);
      expect(await query(urlOf(database), 'SELECT double(21)')).toEqual([42]);
    });

    it('leave the database as it was when one of them fails, and apply once it is mended', async () => {
      await add('29990101000000_good', 'CREATE TABLE good (n int);');
      await add('29990102000000_bad', 'CREATE TABLE bad (n int); CREATE TABLE bad (n int);');
      await expect(applyMigrations(urlOf(database), folder)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message:
          'The migration 29990102000000_bad failed, and the database is as it was before: relation "bad" already exists.',
      });
      expect(await query(urlOf(database), "SELECT to_regclass('good')")).toEqual([null]);

      await writeFile(join(folder, '29990102000000_bad/migration.sql'), 'CREATE TABLE bad (n int);');
      expect(await applyMigrations(urlOf(database), folder)).toEqual(['29990101000000_good', '29990102000000_bad']);
    });

    async function add(name: string, sql: string): Promise<void> {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'migration.sql'), sql);
    }
  });
});

function urlOf(database: TestDatabase | undefined): string {
  if (!database) throw new Error('There is no database yet.');
  return database.url;
}

/** The first column of what a query returns. */
async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.map(([value]) => value);
  } finally {
    await client.end();
  }
}
