import { afterAll, describe, expect, it } from 'vitest';
import type { AttemptStore } from '../../src/domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../../src/domain/credentials/memory-attempt-store.js';
import { RedisAttemptStore } from '../../src/plugins/redis-attempt-store.js';
import { testRedisPrefix, testRedisUrl } from '../support/redis.js';
import { waitUntil } from '../support/wait-until.js';

const redisUrl = testRedisUrl();
const open: RedisAttemptStore[] = [];
afterAll(() => Promise.all(open.map((store) => store.close())));

function redisStore(url: string, prefix: string): RedisAttemptStore {
  const store = new RedisAttemptStore(url, prefix, () => {});
  open.push(store);
  return store;
}

const stores: [string, () => AttemptStore][] = [
  ['in this process', () => new MemoryAttemptStore()],
  ['without its Redis', () => redisStore('redis://127.0.0.1:1', 'x')],
];
if (redisUrl !== undefined) stores.push(['in Redis', () => redisStore(redisUrl, testRedisPrefix())]);

describe.each(stores)('Failures counted %s', (_, create) => {
  it('add up, block, and are forgotten on demand', async () => {
    const store = create();
    expect(await store.blockedMs(['a', 'b'])).toEqual([0, 0]);
    expect([await store.count('a', 60_000), await store.count('a', 60_000), await store.count('b', 60_000)]).toEqual([
      1, 2, 1,
    ]);
    await store.block('a', 30_000);
    const [a = 0, b] = await store.blockedMs(['a', 'b']);
    expect(a).toBeGreaterThan(29_000);
    expect(a).toBeLessThanOrEqual(30_000);
    expect(b).toBe(0);
    await store.forget('a');
    expect(await store.blockedMs(['a'])).toEqual([0]);
    expect(await store.count('a', 60_000)).toBe(1);
  });

  it('are forgotten by themselves after the window', async () => {
    const store = create();
    await store.count('a', 50);
    await waitUntil('Forgetting', 5000, async () => (await store.count('a', 1)) === 1);
  });
});

describe.skipIf(redisUrl === undefined)('Failures counted in one Redis', () => {
  it('add up over all processes, and block on all of them', async () => {
    const prefix = testRedisPrefix();
    const [one, two] = [redisStore(redisUrl ?? '', prefix), redisStore(redisUrl ?? '', prefix)];
    // Until both are connected each counts for itself.
    await waitUntil('Counting together', 5000, async () => {
      await one.count('together', 60_000);
      return (await two.count('together', 60_000)) > (await two.count('alone', 60_000)) + 1;
    });
    await one.block('a', 30_000);
    await waitUntil('A block on both', 5000, async () => ((await two.blockedMs(['a']))[0] ?? 0) > 0);
    await two.forget('a');
    expect(await two.blockedMs(['a'])).toEqual([0]);
  });
});
