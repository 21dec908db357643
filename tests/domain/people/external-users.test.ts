import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const identity = (subject: number) => ({ issuer: 'https://id.example', subject: `${subject}`, usernames: ['zoe'] });
const namesOf = async (ids: string[]) => {
  const rows = await services.db.prisma.user.findMany({ where: { id: { in: ids } }, select: { username: true } });
  return rows.map(({ username }) => username);
};

it('a name that is taken gets a number, and one that many have is not tried a thousand times', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) ids.push(await services.externalUsers.findOrCreate(identity(count)));
  expect((await namesOf(ids)).sort()).toEqual(['zoe', 'zoe-2', 'zoe-3']);
  const many = await Promise.all(
    Array.from({ length: 20 }, (_, count) => services.externalUsers.findOrCreate(identity(10 + count))),
  );
  const names = await namesOf(many);
  expect(new Set(names).size).toBe(20);
  for (const name of names) expect(name).toMatch(/^zoe-\d{6}$/);
  expect(await services.externalUsers.findOrCreate(identity(10))).toBe(many[0]);
});

it.skipIf(testDatabaseSource().kind === 'embedded')(
  'who is made while somebody else makes users for long is refused within seconds, and keeps no connection (skipped on the embedded database, which has one session)',
  async () => {
    const holder = await services.db.pool.connect();
    try {
      await holder.query(`BEGIN; INSERT INTO users (id, username) VALUES (gen_random_uuid(), 'held')`);
      const startedAt = performance.now();
      const outcomes = await Promise.allSettled([
        ...Array.from({ length: 9 }, (_, count) => services.externalUsers.findOrCreate(identity(100 + count))),
        services.users.create({ username: 'another', password: 'long enough' }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
      expect(performance.now() - startedAt).toBeLessThan(5000);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    expect(await namesOf([await services.externalUsers.findOrCreate(identity(100))])).toHaveLength(1);
  },
);
