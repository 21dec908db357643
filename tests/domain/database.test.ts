import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientError, query } from '../../src/domain/database.js';
import { createDatabase, type OpenDatabase } from '../../src/plugins/database/client.js';
import { TcpProxy } from '../faults/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

// Both were found by the fault tests.
describe.runIf(testDatabaseSource().kind === 'postgres')('a database that goes away', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let db: OpenDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    const url = new URL(database.url);
    proxy = await TcpProxy.listen({ port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    db = createDatabase({ url: url.href, embedded: false });
  });

  afterAll(async () => {
    await db.close();
    await proxy.close();
    await database.drop();
  });

  it('and hangs with its connections open is away within 3 s, also for who waits for one, and works again at once', async () => {
    const one = { name: 'one', text: 'SELECT 1 AS one' };
    // More than the pool has connections.
    const askOften = () => Promise.allSettled(Array.from({ length: 25 }, () => query(db, one, [])));
    await askOften();
    proxy.stall('to client');
    const frozenAt = performance.now();
    const answers = await askOften();
    expect(performance.now() - frozenAt).toBeLessThan(3000);
    const codes = answers.map((answer) => answer.status === 'rejected' && clientError(answer.reason)?.code);
    expect(new Set(codes)).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    proxy.heal();
    const healedAt = performance.now();
    expect(await query(db, one, [])).toEqual([{ one: 1 }]);
    expect(performance.now() - healedAt).toBeLessThan(2000);
  });

  it('and hangs while a model is asked is away when the connection has been silent for too long', async () => {
    const url = new URL(database.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const attentive = createDatabase({ url: url.href, embedded: false, socketTimeoutMs: 400 });
    await attentive.prisma.user.count();
    proxy.stall('to client');
    const error = await attentive.prisma.user.count().catch((reason: unknown) => reason);
    expect(clientError(error)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    proxy.heal();
    expect(await attentive.prisma.user.count()).toBe(0);
    await attentive.close();
  });

  it('lets go of a statement that waited too long for a row, which ends in PostgreSQL soon after', async () => {
    const direct = createDatabase({ url: database.url, embedded: false });
    const locker = await db.pool.connect();
    await locker.query('BEGIN; LOCK TABLE chats');
    const held = query(direct, { name: 'held', text: 'SELECT count(*) FROM chats' }, []);
    await expect(held).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await waitUntil('The end of the statement', 4000, async () => {
      const { rows } = await locker.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length === 0;
    });
    await locker.query('ROLLBACK');
    locker.release();
    await direct.close();
  });

  it('in the middle of a query of a model is away, and not a fault of ours', async () => {
    const locker = await db.pool.connect();
    await locker.query('BEGIN; LOCK TABLE chats');
    const found = db.prisma.chat.findUnique({ where: { nameKey: 'kitchen' } }).catch((error: unknown) => error);
    const waiting = () =>
      db.pool.query(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
    while ((await waiting()).rows.length === 0);
    const error = await found;
    await locker.query('ROLLBACK');
    locker.release();
    expect(clientError(error)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });
});
