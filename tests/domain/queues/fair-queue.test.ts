import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FairQueue } from '../../../src/domain/queues/fair-queue.js';
import { deferred } from '../../support/deferred.js';

const OPTIONS = { parallel: 2, maxWaiting: 10, maxWaitingPerKey: 4, timeoutMs: 2000 };
const BUSY = { code: 'SERVICE_UNAVAILABLE' };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A task that ends when the test says so. */
function task(name: string, begun: string[]) {
  const { promise, resolve } = deferred<string>();
  const run = () => {
    begun.push(name);
    return promise;
  };
  return { run, end: () => resolve(name) };
}

it('of one key no two run at once, and keys take turns', async () => {
  const queue = new FairQueue(OPTIONS);
  const begun: string[] = [];
  const tasks = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => ({ name, ...task(name, begun) }));
  const results = tasks.map(({ name, run }) => queue.run(name.charAt(0), run));
  expect(begun).toEqual(['a1', 'b1']);
  tasks[0]?.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual(['a1', 'b1', 'a2']);
  for (const { end } of tasks) end();
  expect(await Promise.all(results)).toEqual(['a1', 'a2', 'a3', 'b1', 'c1']);
});

it('refuses one more than may wait, of one key and of all', async () => {
  const queue = new FairQueue(OPTIONS);
  const begun: string[] = [];
  const held = task('held', begun);
  const waiting = Array.from({ length: 5 }, () => queue.run('a', held.run));
  await expect(queue.run('a', held.run)).rejects.toMatchObject(BUSY);
  const others = ['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => queue.run(key, held.run));
  await expect(queue.run('i', held.run)).rejects.toMatchObject(BUSY);
  held.end();
  await Promise.all([...waiting, ...others]);
});

it('answers after the timeout; a task that had not begun never runs, one that had begun holds its place', async () => {
  const queue = new FairQueue({ ...OPTIONS, parallel: 1 });
  const begun: string[] = [];
  const [slow, second, third] = [task('slow', begun), task('second', begun), task('third', begun)];
  const settled = Promise.allSettled([queue.run('a', slow.run), queue.run('b', second.run)]);
  await vi.advanceTimersByTimeAsync(2000);
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const late = queue.run('c', third.run);
  expect(begun).toEqual(['slow']);
  slow.end();
  third.end();
  expect(await late).toBe('third');
  expect(begun).toEqual(['slow', 'third']);
});

it('goes on after a task that failed', async () => {
  const queue = new FairQueue({ ...OPTIONS, parallel: 1 });
  await expect(queue.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await queue.run('a', async () => 'yes')).toBe('yes');
});
