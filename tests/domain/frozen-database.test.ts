import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { clientError, query } from '../../src/domain/database.js';
import { createDatabase, type OpenDatabase } from '../../src/plugins/database/client.js';
import { TcpProxy } from '../faults/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const ONE = { name: 'one', text: 'SELECT 1 AS one' };

/** Longer than the pool is. */
const MANY = Array.from({ length: 25 }, () => ONE);

// Found by the fault tests: statements on connections that were open when the server froze took 20 s to fail.
describe.runIf(inject('testDatabaseSource').kind === 'postgres')(
  'a database that hangs with its connections open',
  () => {
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

    it('is away within 3 s, for those with a connection and for those who wait for one, and works again at once', async () => {
      await Promise.all(MANY.map((statement) => query(db, statement, [])));
      proxy.stall('to client');
      const frozenAt = performance.now();
      const answers = await Promise.allSettled(MANY.map((statement) => query(db, statement, [])));
      expect(performance.now() - frozenAt).toBeLessThan(3000);
      const codes = answers.map((answer) => answer.status === 'rejected' && clientError(answer.reason)?.code);
      expect(new Set(codes)).toEqual(new Set(['SERVICE_UNAVAILABLE']));
      proxy.heal();
      const healedAt = performance.now();
      expect(await query(db, ONE, [])).toEqual([{ one: 1 }]);
      expect(performance.now() - healedAt).toBeLessThan(2000);
    });
  },
);
