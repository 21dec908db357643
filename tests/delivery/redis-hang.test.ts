import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { RedisAttemptStore } from '../../src/plugins/redis-attempt-store.js';
import { Keeper } from '../support/keeper.js';
import { missingRedis, PrivateRedis } from '../support/private-redis.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

const KEY = Buffer.alloc(32);

let keeper: Keeper;
let redis: PrivateRedis;

describe.skipIf(missingRedis() !== undefined)(
  'while Redis hangs with its connections open (skipped without redis-server)',
  () => {
    beforeAll(async () => {
      keeper = new Keeper();
      redis = await PrivateRedis.start(keeper);
    });
    afterAll(() => keeper.close());

    it.each([10, 200])(
      'a publish every %i ms fails within seconds, and nothing comes twice afterwards',
      async (everyMs) => {
        const prefix = `${randomUUID()}:`;
        const open = () => RedisBus.connect({ url: redis.url, prefix, key: KEY, onError: () => {} });
        const [one, two] = [await open(), await open()];
        const heard: string[] = [];
        await two.subscribe(['chat'], (payload) => heard.push(payload));
        const publishing = new AbortController();
        let failed = 0;
        let pending = 0;
        const publishes = (async () => {
          for (let index = 0; !publishing.signal.aborted; index += 1) {
            pending += 1;
            one.publish('chat', `hung ${index}`).then(
              () => (pending -= 1),
              () => {
                pending -= 1;
                failed += 1;
              },
            );
            // Topics that come and go write on the subscriber's connection all the time.
            const other = () => {};
            void two.subscribe([`other ${index}`], other).then(() => two.unsubscribe([`other ${index}`], other));
            await pause(everyMs);
          }
        })();
        await waitUntil('A first payload', 5000, async () => heard.length > 0);
        redis.freeze();
        try {
          await waitUntil('A failed publish', 4000, async () => failed > 0);
        } finally {
          redis.thaw();
        }
        await waitUntil('Both connections', 8000, () => Promise.all([one.check(), two.check()]).then(() => true));
        publishing.abort();
        await publishes;
        await waitUntil('The end of what was pending', 5000, async () => pending === 0);
        const sent = Array.from({ length: 20 }, (_, index) => `after ${index}`);
        for (const payload of sent) await one.publish('chat', payload);
        await waitUntil('The last payload', 5000, async () => heard.includes('after 19'));
        expect(heard.filter((payload) => payload.startsWith('after'))).toEqual(sent);
        expect(new Set(heard).size).toBe(heard.length);
        await Promise.all([one.close(), two.close()]);
      },
    );

    it('a sign-in over HTTP is answered in bounded time, and wrong ones are counted in the process', {
      timeout: 60_000,
    }, async () => {
      const team = await startTeam(1, { REDIS_URL: redis.url, LIMIT_FAILURES_PER_ACCOUNT: '3' });
      const { first, credentials } = team;
      const seen: { status: number; ms: number }[] = [];
      const attempt = async (username: string, password: string) => {
        const begun = performance.now();
        const { status } = await first.token({ username, password, ...credentials });
        seen.push({ status, ms: performance.now() - begun });
        return status;
      };
      try {
        await first.app.services.users.create({ username: 'ann', password: PASSWORD });
        expect(await attempt('admin', PASSWORD)).toBe(200);
        redis.freeze();
        expect(await attempt('admin', PASSWORD)).toBe(200);
        // Three are free. The first block, of a second, may be over before a slow answer is; the next ones are longer.
        const statuses: number[] = [];
        while (statuses.at(-1) !== 429 && statuses.length < 10) statuses.push(await attempt('ann', 'wrong'));
        expect(statuses.slice(0, 3)).toEqual([400, 400, 400]);
        expect(statuses.at(-1)).toBe(429);
        expect(await attempt('admin', PASSWORD)).toBe(200);
        // A question to Redis waits 200 ms, and a sign-in has seven of them, one after the other. Once the connection counts as
        // broken there are none.
        for (const { ms } of seen) expect(ms).toBeLessThan(3000);
      } finally {
        redis.thaw();
        await team.close();
      }
    });

    it('failed sign-ins are counted in bounded time', async () => {
      const store = new RedisAttemptStore(redis.url, 'x:', () => {});
      await waitUntil('A connection', 5000, async () => (await store.count('a', 60_000)) > 0);
      redis.freeze();
      try {
        const startedAt = performance.now();
        for (let index = 0; index < 20; index += 1) await store.count('b', 60_000);
        // 200 ms for each until the connection counts as broken, nothing after that.
        expect(performance.now() - startedAt).toBeLessThan(3000);
      } finally {
        redis.thaw();
        await store.close();
      }
    });
  },
);
