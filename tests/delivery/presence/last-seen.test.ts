import { expect, it } from 'vitest';
import { LastSeen, MINUTE_MS } from '../../../src/delivery/presence/last-seen.js';

const WRITE_MS = 300_000;

function newLastSeen(write: (seen: ReadonlyMap<string, Date>) => Promise<void> = async () => {}) {
  const writes: Record<string, number>[] = [];
  const errors: unknown[] = [];
  const lastSeen = new LastSeen({
    async write(seen) {
      writes.push(Object.fromEntries([...seen].map(([userId, at]) => [userId, at.getTime() / MINUTE_MS])));
      await write(seen);
    },
    writeIntervalMs: WRITE_MS,
    onError: (error) => errors.push(error),
  });
  const start = performance.now();
  /** Flushes at this time, and waits for the write. */
  const flushAt = async (ms: number) => {
    lastSeen.flush(start + ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lastSeen, writes, errors, flushAt };
}

it('writes a user once in five minutes at most, with the newest minute', async () => {
  const { lastSeen, writes, flushAt } = newLastSeen();
  for (let second = 0; second < 600; second += 1) {
    lastSeen.seen('ann', 100 + Math.floor(second / 60));
    if (second === 450) lastSeen.seen('bob', 107);
    await flushAt(second * 1000);
  }
  expect(writes).toEqual([{ ann: 100 }, { ann: 105 }, { bob: 107 }]);
  expect(lastSeen.minuteOf('ann')).toBe(109);
});

it('writes what is left at its end', async () => {
  const { lastSeen, writes, flushAt } = newLastSeen();
  lastSeen.seen('ann', 100);
  await flushAt(0);
  lastSeen.seen('ann', 101);
  await lastSeen.close();
  expect(writes).toEqual([{ ann: 100 }, { ann: 101 }]);
});

it('does not write what another process has seen', async () => {
  const { lastSeen, writes } = newLastSeen();
  lastSeen.heard('ann', 100);
  await lastSeen.close();
  expect([lastSeen.minuteOf('ann'), writes]).toEqual([100, []]);
});

it('repeats a write that failed', async () => {
  let fails = true;
  const { lastSeen, writes, errors, flushAt } = newLastSeen(async () => {
    if (fails) throw new Error('The database is away.');
  });
  lastSeen.seen('ann', 100);
  await flushAt(0);
  fails = false;
  await flushAt(WRITE_MS / 20 + 1);
  expect([writes.length, errors.length]).toEqual([2, 1]);
});
