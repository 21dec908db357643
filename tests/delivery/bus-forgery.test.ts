import { randomBytes, randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { readDeployment } from '../../src/domain/deployment.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { testRedisUrl } from '../support/redis.js';

const redisUrl = testRedisUrl();

describe.skipIf(redisUrl === undefined)(
  'what somebody else publishes in Redis (skipped unless TEST_REDIS_URL is set)',
  () => {
    it('is dropped and told of; what the deployment’s processes publish is heard', async () => {
      const prefix = `test:${randomUUID()}:`;
      const key = randomBytes(32);
      const forged: string[] = [];
      const open = () =>
        RedisBus.connect({
          url: redisUrl ?? '',
          prefix,
          key,
          onError: () => {},
          onForgery: (channel) => forged.push(channel),
        });
      const [one, two] = [await open(), await open()];
      const stranger = createClient({ url: redisUrl ?? '' });
      await stranger.connect();
      const heard: string[] = [];
      let copied = '';
      await two.subscribe(['chat'], (payload) => heard.push(payload));
      const eavesdropper = stranger.duplicate();
      await eavesdropper.connect();
      const overheard = new Promise<void>((resolve) => {
        void eavesdropper.subscribe(`${prefix}chat`, (message) => {
          copied = message;
          resolve();
        });
      });
      await stranger.publish(`${prefix}chat`, 'x {"seq":3}');
      await stranger.publish(`${prefix}chat`, '');
      await one.publish('chat', 'first');
      await overheard;
      await stranger.publish(`${prefix}chat`, `${copied} and more`);
      const last = new Promise<void>(
        (resolve) => void two.subscribe(['chat'], (payload) => payload === 'last' && resolve()),
      );
      await one.publish('chat', 'last');
      await last;
      expect(heard).toEqual(['first', 'last']);
      expect(forged).toEqual([`${prefix}chat`]);
      stranger.destroy();
      eavesdropper.destroy();
      await Promise.all([one.close(), two.close()]);
    });
  },
);

describe('a deployment', () => {
  let databases: TestDatabase[];
  beforeAll(async () => {
    databases = [await createTestDatabase(), await createTestDatabase()];
  });
  afterAll(() => Promise.all(databases.map((database) => database.drop())));

  it('is the same for each of its processes', async () => {
    const [database] = databases;
    if (!database) throw new Error('A database was wanted.');
    const [one, two] = [createDatabase(database), createDatabase(database)];
    expect(await readDeployment(one)).toEqual(await readDeployment(two));
    await Promise.all([one.close(), two.close()]);
  });

  it('is another one in a copy of the database on the same server', async (context) => {
    if (databases.some(({ embedded }) => embedded))
      return context.skip('Embedded test databases are copies of one data folder, and have no server in common.');
    const opened = databases.map((database) => createDatabase(database));
    const [one, two] = await Promise.all(opened.map(readDeployment));
    expect(one?.scope).not.toBe(two?.scope);
    expect(one?.key.equals(two?.key ?? Buffer.alloc(0))).toBe(false);
    await Promise.all(opened.map((db) => db.close()));
  });
});
