import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type OpenDatabase } from '../../../src/plugins/database/client.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

const id = '01890000-0000-7000-8000-000000000001';

describe('the database client', () => {
  let test: TestDatabase;
  let database: OpenDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
    database = createDatabase(test);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  it('serves models and raw SQL from the same data, fifty queries at once', async () => {
    await database.prisma.user.create({ data: { id, username: 'ann' } });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) =>
        i % 2
          ? (await database.prisma.user.findMany({ where: { username: 'ann' } })).length
          : (await database.pool.query('SELECT id FROM users WHERE username = $1', ['ann'])).rowCount,
      ),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, () => 1));
  });

  it('has every session plan without statistics', async () => {
    const { rows } = await database.pool.query(
      "SELECT current_setting('plan_cache_mode') AS plans, current_setting('enable_seqscan') AS scans",
    );
    expect(rows).toEqual([{ plans: 'force_generic_plan', scans: 'off' }]);
  });

  it('fails within three seconds when nobody listens, or when who listens says nothing', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const bound = silent.address();
    const port = typeof bound === 'object' ? bound?.port : undefined;
    for (const address of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
      const lost = createDatabase({ url: `postgresql://postgres@${address}/chat`, embedded: false });
      const began = performance.now();
      await expect(lost.pool.query('SELECT 1')).rejects.toThrow();
      await expect(lost.prisma.user.count()).rejects.toThrow();
      expect(performance.now() - began).toBeLessThan(6_000);
      await lost.close();
    }
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

// What follows is about several sessions, and the embedded database has one.
describe.runIf(testDatabaseSource().kind === 'postgres')('the database client on PostgreSQL', () => {
  let test: TestDatabase;
  let lost: Error[];
  let database: OpenDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
    lost = [];
    database = createDatabase({ ...test, onConnectionLost: (error) => lost.push(error) });
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  it('reads and writes times in UTC, whatever the zone of the database', async () => {
    const name = new URL(test.url).pathname.slice(1);
    await database.pool.query(`ALTER DATABASE "${name}" SET timezone TO 'Asia/Tokyo'`);
    const url = new URL(test.url);
    url.searchParams.set('options', '-c work_mem=8MB');
    const elsewhere = createDatabase({ url: url.href, embedded: false });
    const dateJoined = new Date('2026-03-04T05:06:07.089Z');
    const user = await elsewhere.prisma.user.create({ data: { id, username: 'ben', dateJoined } });
    expect(user.dateJoined).toEqual(dateJoined);
    const { rows } = await elsewhere.pool.query(
      "SELECT date_joined, current_setting('timezone') AS zone, current_setting('work_mem') AS memory FROM users",
    );
    expect(rows).toEqual([{ date_joined: dateJoined, zone: 'UTC', memory: '8MB' }]);
    await elsewhere.close();
  });

  it('replaces connections that are lost while idle, and says so', async () => {
    await database.pool.query('SELECT 1');
    const victims = createDatabase({ url: test.url, embedded: false, onConnectionLost: (error) => lost.push(error) });
    const { rows } = await victims.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const gone = new Promise((resolve) => victims.pool.once('remove', resolve));
    await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await gone;
    expect(await victims.prisma.user.count()).toBeGreaterThanOrEqual(0);
    expect(lost.map(({ message }) => message)).toEqual(['terminating connection due to administrator command']);
    await victims.close();
  });

  it('plans a repeated statement once per connection', async () => {
    await database.prisma.user.findUnique({ where: { id } });
    await database.prisma.user.findUnique({ where: { id } });
    const { rows } = await database.pool.query(
      "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%users%'",
    );
    expect(rows).toEqual([{ name: 'prisma_0' }]);
  });
});
