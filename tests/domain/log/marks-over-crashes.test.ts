import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Chats } from '../../../src/domain/chats/chats.js';
import { NewChats } from '../../../src/domain/chats/new-chats.js';
import { Marks } from '../../../src/domain/log/marks.js';
import { createDatabase, type OpenDatabase } from '../../../src/plugins/database/client.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { Keeper } from '../../support/keeper.js';
import { PrivatePostgres } from '../../support/private-postgres.js';
import { chooseSeed } from '../../support/seed.js';
import { folderWith, postgresFolders } from '../../support/server-program.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { MarkObserver } from './mark-observer.js';
import { makeMarkWorld } from './mark-world.js';
import { writeAtRandom } from './mark-writer.js';

const run = promisify(execFile);
const SEED = chooseSeed();
const isOnServers = testDatabaseSource().kind === 'postgres';

describe.runIf(isOnServers)(`marks of servers of their own (TEST_SEED=${SEED}, on servers alone)`, () => {
  const keeper = new Keeper();
  let server: PrivatePostgres;
  beforeAll(async () => {
    server = await PrivatePostgres.start(keeper);
  }, 120_000);
  afterAll(() => keeper.close(), 30_000);

  async function newDatabase(name: string): Promise<{ url: string; db: OpenDatabase }> {
    await server.query(`CREATE DATABASE ${name}`);
    const url = server.url(name);
    await applyMigrations(url);
    return { url, db: createDatabase({ url, embedded: false }) };
  }

  it('hold over a crash after which the server gives ids out again', { timeout: 180_000 }, async () => {
    // What is rolled back is not hurried to the disk.
    await server.query(`ALTER SYSTEM SET wal_writer_delay = '10s'`);
    await server.query('SELECT pg_reload_conf()');
    const { url, db } = await newDatabase('crashed');
    const world = await makeMarkWorld(db.pool, { chats: 4, users: 2 });
    const observer = new MarkObserver(db, url, world.chats);
    const options = { ...world, url, transactions: 15, longestPauseMs: 5 };
    let cameAgain = 0;
    for (let crash = 0; crash < 5 && cameAgain === 0; crash += 1) {
      await writeAtRandom({ ...options, seed: SEED + crash });
      await db.pool.query(
        'DO $$ BEGIN FOR i IN 1 .. 200 LOOP PERFORM pg_current_xact_id(); ROLLBACK; END LOOP; END $$',
      );
      const { below } = await observer.look();
      const { rows } = await db.pool.query('SELECT pg_snapshot_xmin(pg_current_snapshot())::text::float8 AS xmin');
      await server.crash();
      await server.restart();
      const [chat = ''] = world.chats;
      const [next] = await server.query<{ mark: number }>(
        'SELECT mark::float8 AS mark FROM take_number($1)',
        [chat],
        'crashed',
      );
      // It took a number and nothing has it; the observer wants dense logs.
      await server.query('UPDATE chats SET last_seq = last_seq - 1 WHERE id = $1', [chat], 'crashed');
      expect(next?.mark).toBeGreaterThanOrEqual(below);
      if ((next?.mark ?? 0) < rows[0].xmin) cameAgain += 1;
      await writeAtRandom({ ...options, seed: SEED + 100 + crash });
      await observer.look();
      await observer.verify();
    }
    expect(cameAgain).toBe(1);
    await observer.close();
    await db.close();
  });

  it('of a restored dump count as 0 once the epochs are rotated', { timeout: 180_000 }, async () => {
    const { url, db } = await newDatabase('ahead');
    const world = await makeMarkWorld(db.pool, { chats: 4, users: 2 });
    // This server's ids are far ahead of the next one's.
    await db.pool.query('DO $$ BEGIN FOR i IN 1 .. 5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
    await writeAtRandom({ ...world, url, seed: SEED, transactions: 40, longestPauseMs: 5 });
    const before = await new Marks(db).horizon(world.chats);
    const programs = folderWith(['pg_dump', 'psql'], postgresFolders(), 'Install the client programs of PostgreSQL.');
    const file = join(await keeper.folder('chat-api-dump'), 'dump.sql');
    await run(join(programs, 'pg_dump'), ['--file', file, url]);
    await db.close();

    const other = await PrivatePostgres.start(keeper);
    await run(join(programs, 'psql'), ['--quiet', '--set=ON_ERROR_STOP=1', '--file', file, other.url()]);
    const restored = createDatabase({ url: other.url(), embedded: false });
    await new Chats(restored, new NewChats(restored, () => {})).rotateEpoch();
    const observer = new MarkObserver(restored, other.url(), world.chats);
    const after = await observer.look();
    expect(after.instance).not.toBe(before.instance);
    expect(after.heads.map(({ seq }) => seq).sort()).toEqual(before.heads.map(({ seq }) => seq).sort());
    const options = { ...world, url: other.url(), transactions: 30, longestPauseMs: 30 };
    let isWriting = true;
    const writers = Promise.all([1, 2, 3].map((seed) => writeAtRandom({ ...options, seed: SEED + seed }))).finally(
      () => {
        isWriting = false;
      },
    );
    while (isWriting) await observer.look();
    await writers;
    const { below } = await observer.look();
    // New ones are in this server's numbers, which are below those that were restored.
    expect(below).toBeLessThan(before.below);
    await observer.verify();
    await observer.close();
    await restored.close();
  });
});
