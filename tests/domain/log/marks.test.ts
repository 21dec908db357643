import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Marks } from '../../../src/domain/log/marks.js';
import { runTypeScript } from '../../support/process.js';
import { chooseSeed } from '../../support/seed.js';
import { startOwnServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';
import { MarkObserver } from './mark-observer.js';
import { makeMarkWorld } from './mark-world.js';
import { type MarkWorld, writeAtRandom } from './mark-writer.js';

const SEED = chooseSeed();

describe(`marks (TEST_SEED=${SEED})`, { timeout: 120_000 }, () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  let world: MarkWorld;
  let observer: MarkObserver;
  beforeEach(async () => {
    services = await startOwnServices();
    world = await makeMarkWorld(services.db.pool, { chats: 6, users: 3 });
    observer = new MarkObserver(services.db, services.database.url, world.chats);
  });
  afterEach(async () => {
    await observer.close();
    await services.close();
  });

  const writer = (seed: number, transactions: number) => ({
    ...world,
    url: services.database.url,
    seed: SEED + seed,
    transactions,
    longestPauseMs: services.database.embedded ? 2 : 120,
  });

  it('below a horizon there is a prefix of each log, whole and for ever, whoever writes meanwhile', async () => {
    let isWriting = true;
    const writers = Promise.all([1, 2, 3, 4, 5].map((seed) => writeAtRandom(writer(seed, 40)))).finally(() => {
      isWriting = false;
    });
    while (isWriting) await observer.look();
    expect(Math.min(...(await writers))).toBeGreaterThan(0);
    await observer.look();
    await observer.verify();
    expect(observer.count).toBeGreaterThan(20);
  });

  it('nor does it matter which process writes, and whether one is cut off in the middle', async () => {
    let isWriting = true;
    const other = runTypeScript(new URL('./processes/write.ts', import.meta.url), JSON.stringify(writer(6, 60)));
    const writers = Promise.all([
      text(other.stdout),
      writeAtRandom(writer(7, 120)),
      writeAtRandom(writer(8, 120)),
    ]).finally(() => {
      isWriting = false;
    });
    while (isWriting) {
      await observer.look();
      // Of the writers alone: the others have a name.
      if (observer.count % 25 === 0 && !services.database.embedded)
        await services.db.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = '' AND state = 'idle in transaction'
            AND backend_xid IS NOT NULL`);
    }
    expect(Number((await writers)[0])).toBeGreaterThan(0);
    await observer.look();
    await observer.verify();
  });

  it('a horizon passes everything that is committed once nobody writes any more', async () => {
    await writeAtRandom(writer(9, 20));
    // A transaction in another database of the server holds it too.
    await waitUntil('The horizon passes', 30_000, async () => {
      const { below, heads } = await observer.look();
      return heads.every(({ mark }) => mark < below);
    });
    await observer.verify();
  });

  it('a transaction that began earlier holds the horizon, and nothing is missed', async (context) => {
    // It lets one transaction at a time in.
    if (services.database.embedded) return context.skip('The embedded database lets one transaction in at a time.');
    const [chat = '', other = ''] = world.chats;
    const [user] = world.users;
    const slow = await services.db.pool.connect();
    await slow.query('BEGIN');
    await slow.query('SELECT take_number($1)', [chat]);
    const { rows } = await slow.query('SELECT pg_current_xact_id()::text::float8 AS id');
    const id: number = rows[0].id;
    await services.db.pool.query('SELECT add_chat_member($1, $2, NULL)', [other, user]);
    expect((await observer.look()).below).toBeLessThanOrEqual(id);
    await slow.query('ROLLBACK');
    slow.release();
    await waitUntil('The horizon passes', 30_000, async () => (await observer.look()).below > id);
    await observer.verify();
  });

  it('marks of another server count as 0 once the epochs are rotated, and positions of before are of another instance', async () => {
    await writeAtRandom(writer(10, 30));
    const before = await observer.look();
    // As a dump of a server that is far ahead.
    for (const table of ['chats', 'messages', 'chat_events'])
      await services.db.pool.query(`UPDATE ${table} SET mark = mark + 1000000000 WHERE mark > 0`);
    await services.chats.rotateEpoch();
    const restored = new MarkObserver(services.db, services.database.url, world.chats);
    const after = await restored.look();
    expect(after.instance).not.toBe(before.instance);
    expect(after.heads.map(({ mark }) => mark)).toEqual(world.chats.map(() => 0));
    const all = new Map(after.heads.map(({ chatId, seq }) => [chatId, seq]));
    expect(await new Marks(services.db).numbersAt(world.chats, after.below)).toEqual(all);
    await Promise.all([writeAtRandom(writer(11, 30)), writeAtRandom(writer(12, 30)), restored.look(), restored.look()]);
    const { below } = await restored.look();
    expect(below).toBeLessThan(1000000000);
    await restored.verify();
    await restored.close();
  });

  it('what the service itself writes carries them: messages and members', async () => {
    const [admin] = [await services.newUser('admin')];
    const chat = await services.newChat(admin);
    await services.messages.send(viewerOf(admin), { chatId: chat.id, content: 'one' });
    await services.messages.send(viewerOf(admin), { chatId: chat.id, content: 'two' });
    await services.memberships.remove(null, chat.id, admin.id);
    const { rows } = await services.db.pool.query(
      `SELECT seq, mark::float8 AS mark FROM (SELECT seq, mark, chat_id FROM messages UNION ALL
       SELECT seq, mark, chat_id FROM chat_events) l WHERE chat_id = $1 ORDER BY seq`,
      [chat.id],
    );
    const marks = rows.map(({ mark }) => mark);
    expect(marks).toHaveLength(4);
    expect(marks[0]).toBeGreaterThan(0);
    expect(new Set(marks).size).toBe(4);
    expect(marks).toEqual([...marks].sort((a, b) => a - b));
    expect(await new Marks(services.db).numbersAt([chat.id], marks[2])).toEqual(new Map([[chat.id, 2]]));
  });

  it('of no chats, and of chats that are not there, there is a horizon too', async () => {
    const marks = new Marks(services.db);
    expect(await marks.horizon([])).toMatchObject({ heads: [], below: 1 });
    expect(await marks.horizon([crypto.randomUUID()])).toMatchObject({ heads: [], below: 1 });
    expect(await marks.numbersAt([crypto.randomUUID()], 1)).toEqual(new Map());
  });
});
