import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChatLog } from '../../../src/domain/log/chat-log.js';
import { createDatabase } from '../../../src/plugins/database/client.js';
import { readMigrations, SHIPPED_MIGRATIONS } from '../../../src/plugins/database/migration-files.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { createDatabaseOfFormerMigrations } from '../../support/older-database.js';
import { runTypeScript } from '../../support/process.js';
import { describeSchema } from '../../support/schema-description.js';

const FIRST = '20261129180000_init';
const names = (await readMigrations()).map(({ name }) => name);

describe('a database that the former migrations made', { timeout: 60_000 }, () => {
  let former: TestDatabase;
  let client: pg.Client;
  const toDrop: TestDatabase[] = [];
  beforeEach(async () => {
    former = await createDatabaseOfFormerMigrations();
    toDrop.push(former);
    client = new pg.Client({ connectionString: former.url });
    await client.connect();
  });
  afterEach(async () => {
    await client.end();
    await Promise.all(toDrop.splice(0).map((database) => database.drop()));
  });

  const record = async () => (await client.query('SELECT * FROM _prisma_migrations ORDER BY migration_name')).rows;

  it('has the schema that the one migration makes which replaced them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    await cp(SHIPPED_MIGRATIONS, folder, { recursive: true });
    for (const name of names) if (name !== FIRST) await rm(join(folder, name), { recursive: true });
    const fresh = await createEmptyDatabase();
    toDrop.push(fresh);
    expect(await applyMigrations(fresh.url, folder)).toEqual([FIRST]);
    expect(await applyMigrations(former.url, folder)).toEqual([]);
    await rm(folder, { recursive: true });
    const schema = await describeSchema(fresh.url);
    expect(schema.length).toBeGreaterThan(100);
    expect(await describeSchema(former.url)).toEqual(schema);
  });

  it('has a history that can be read, also of members whose rows were deleted when they left', async () => {
    const [user, chatId] = [randomUUID(), randomUUID()];
    await client.query(`INSERT INTO users (id, username) VALUES ($1, 'ann')`, [user]);
    await client.query(`INSERT INTO chats (id, name, name_key, epoch) VALUES ($1, 'tea', 'tea', 'e')`, [chatId]);
    await client.query('SELECT add_chat_member($1, $2, NULL)', [chatId, user]);
    await client.query('SELECT remove_chat_member($1, $2, NULL)', [chatId, user]);
    await applyMigrations(former.url);
    const db = createDatabase(former);
    const { events } = await new ChatLog(db).page({ chatId, epoch: 'e', seq: 2 }, 0, 10);
    await db.close();
    expect(events).toMatchObject([
      { type: 'member.added', seq: 1, member: { user: { username: 'ann' }, role: 'member' } },
      { type: 'member.removed', seq: 2, user: { username: 'ann' } },
    ]);
  });

  it('goes on: it keeps its rows, and its record and schema become those of a new database', async () => {
    const [user, chat] = [randomUUID(), randomUUID()];
    await client.query(`INSERT INTO users (id, username) VALUES ($1, 'ann')`, [user]);
    await client.query(`INSERT INTO chats (id, name, name_key, epoch) VALUES ($1, 'tea', 'tea', 'e')`, [chat]);
    await client.query('SELECT add_chat_member($1, $2, NULL)', [chat, user]);
    const before = await record();
    expect(await applyMigrations(former.url)).toEqual(names.filter((name) => name !== FIRST));
    expect(await applyMigrations(former.url)).toEqual([]);

    const { rows } = await client.query(
      `SELECT u.username, c.name, c.last_seq, m.joined_seq, m.role, e.seq, e.kind FROM users u JOIN chat_memberships m ON m.user_id = u.id
       JOIN chats c ON c.id = m.chat_id JOIN chat_events e ON e.chat_id = c.id`,
    );
    expect(rows).toEqual([
      { username: 'ann', name: 'tea', last_seq: 1, joined_seq: 1, role: 'member', seq: 1, kind: 'member.added' },
    ]);
    const fresh = await createTestDatabase();
    toDrop.push(fresh);
    expect(await describeSchema(former.url)).toEqual(await describeSchema(fresh.url));

    const [first] = await record();
    const [ofFresh] = await query(fresh.url, 'SELECT * FROM _prisma_migrations ORDER BY migration_name');
    const { id: _, started_at, finished_at, ...same } = Object(first);
    expect(ofFresh).toMatchObject(same);
    expect([started_at, finished_at]).toEqual([before.at(0).started_at, before.at(-1).finished_at]);
    expect((await record()).map((row) => row.migration_name)).toEqual(names);
  });

  it('is taken over once when four processes start together', async () => {
    const runs = Array.from({ length: 4 }, () =>
      text(runTypeScript(new URL('./processes/migrate.ts', import.meta.url), former.url).stdout),
    );
    const applied: string[][] = (await Promise.all(runs)).map((output) => JSON.parse(output));
    const later = names.filter((name) => name !== FIRST);
    expect(applied.sort((a, b) => b.length - a.length)).toEqual([later, [], [], []]);
    expect((await record()).map((row) => row.migration_name)).toEqual(names);
  });

  for (const [title, change] of [
    [
      'lacks the last',
      'DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)',
    ],
    [
      'has one that was rolled back',
      `UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '20261129110000_expiry'`,
    ],
  ] as const)
    it(`is refused in one sentence that says what to do when it ${title}, and stays as it is`, async () => {
      await client.query(change);
      const [before, schema] = [await record(), await describeSchema(former.url)];
      await expect(applyMigrations(former.url)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message:
          'Migrating failed, and the database is as it was before: it has 16 of the 17 migrations that became one, and this ' +
          'version continues from all of them; run "npm run manage -- migrate" of commit b586c15 (version 0.1.0) on it first.',
      });
      expect([await record(), await describeSchema(former.url)]).toEqual([before, schema]);
    });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
