import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDatabaseAway } from '../../src/domain/database.js';
import { transaction } from '../../src/domain/transaction.js';
import { startOwnServices } from '../support/services.js';
import { testDatabaseSource } from '../support/test-database-source.js';

describe('transaction', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
    await services.db.pool.query('CREATE TABLE marks (mark int)');
  });
  afterAll(() => services.close());
  const marks = async () => (await services.db.pool.query('SELECT mark FROM marks ORDER BY mark')).rowCount;

  it('commits what the work did and gives its result', async () => {
    const result = await transaction(services.db, async (connection) => {
      await connection.query('INSERT INTO marks VALUES (1), (2)');
      return 'done';
    });
    expect(result).toBe('done');
    expect(await marks()).toBe(2);
  });

  it('rolls back when the work throws, and gives the connection back', async () => {
    const before = await marks();
    for (let round = 0; round < 20; round += 1) {
      const failing = transaction(services.db, async (connection) => {
        await connection.query('INSERT INTO marks VALUES (3)');
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    }
    expect(await marks()).toBe(before);
    expect(services.db.pool.waitingCount).toBe(0);
  });

  it.runIf(testDatabaseSource().kind === 'postgres')(
    'survives the loss of its connection between two statements',
    async () => {
      const losing = transaction(services.db, async (connection) => {
        const { rows } = await connection.query('SELECT pg_backend_pid() AS pid');
        const ended = new Promise((resolve) => connection.once('end', resolve));
        await services.db.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
        await ended;
        await connection.query('INSERT INTO marks VALUES (4)');
      });
      const error = await losing.catch((reason: unknown) => reason);
      expect(isDatabaseAway(error)).toBe(true);
      await expect(transaction(services.db, async () => 'goes on')).resolves.toBe('goes on');
    },
  );
});
