import { describe, expect, it } from 'vitest';
import { Batcher } from '../../../src/domain/queues/batcher.js';

const options = {
  maxBatch: 3,
  maxWaiting: 10,
  deadlineMs: 10_000,
  overloaded: () => new Error('overloaded'),
  late: () => new Error('late'),
  isRefusal: (error: unknown) => error instanceof Error && error.message === 'refused',
};

/** A writer whose batches finish when the test says so. */
function controlled() {
  const batches: { items: readonly number[]; finish: () => void; fail: (error: Error) => void }[] = [];
  const write = (items: readonly number[]) =>
    new Promise<number[]>((resolve, reject) => {
      batches.push({ items, finish: () => resolve(items.map((item) => item * 10)), fail: reject });
    });
  return { batches, write };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What follows from a batch that has ended, and the end of the turn in which the next one is gathered. */
async function settle(): Promise<void> {
  await turn();
  await turn();
}

describe('a batcher', () => {
  it('lets a lone item leave at the end of its turn, and those that come meanwhile leave together, in their order', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, options);
    const first = batcher.add(1);
    await settle();
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
    const others = [2, 3, 4, 5].map((item) => batcher.add(item));
    for (const index of [0, 1, 2]) {
      batches[index]?.finish();
      await settle();
    }
    expect(await Promise.all([first, ...others])).toEqual([10, 20, 30, 40, 50]);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('with a pace gathers what comes until the next batch is due, and lets a full one leave at once', async () => {
    const batches: (readonly number[])[] = [];
    const write = async (items: readonly number[]) => {
      batches.push(items);
      return items;
    };
    const batcher = new Batcher(write, { ...options, paceMs: 50 });
    const beganAt = performance.now();
    await batcher.add(1);
    const second = batcher.add(2);
    await settle();
    await Promise.all([second, batcher.add(3)]);
    expect(performance.now() - beganAt).toBeGreaterThan(40);
    await Promise.all([4, 5, 6].map((item) => batcher.add(item)));
    expect(batches).toEqual([[1], [2, 3], [4, 5, 6]]);
  });

  it('lets what arrives in one turn of the event loop leave together', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, options);
    const results = Promise.all([1, 2, 3].map((item) => batcher.add(item)));
    await settle();
    batches[0]?.finish();
    expect(await results).toEqual([10, 20, 30]);
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  });

  it('refuses what finds the queue full', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, { ...options, maxWaiting: 1 });
    const first = batcher.add(1);
    await settle();
    const [second, third] = [batcher.add(2), batcher.add(3)];
    await expect(third).rejects.toThrow('overloaded');
    batches[0]?.finish();
    await settle();
    batches[1]?.finish();
    expect(await Promise.all([first, second])).toEqual([10, 20]);
  });

  it('answers in time while a batch hangs: what waits is dropped, what is on its way may still be written', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, { ...options, deadlineMs: 30 });
    const first = batcher.add(1);
    await settle();
    const settled = Promise.allSettled([first, batcher.add(2)]);
    expect((await settled).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    batches[0]?.finish();
    await batcher.drain();
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
  });

  it('writes a refused batch again item by item, so that a bad one fails alone', async () => {
    const written: (readonly number[])[] = [];
    const batcher = new Batcher(async (items: readonly number[]) => {
      written.push(items);
      if (items.includes(3)) throw new Error('refused');
      return items;
    }, options);
    const settled = await Promise.allSettled([1, 2, 3, 4].map((item) => batcher.add(item)));
    expect(settled.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(written).toEqual([[1, 2, 3], [1], [2], [3], [4]]);
  });

  it('fails a whole batch once when the writer is away', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, options);
    const results = Promise.allSettled([batcher.add(1), batcher.add(2), batcher.add(3)]);
    await settle();
    batches[0]?.fail(new Error('away'));
    expect((await results).map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(batches).toHaveLength(1);
  });

  it('drains: resolves when nothing waits and nothing is on its way', async () => {
    const { batches, write } = controlled();
    const batcher = new Batcher(write, options);
    const results = Promise.all([1, 2, 3, 4].map((item) => batcher.add(item)));
    let drained = false;
    const drain = batcher.drain().then(() => {
      drained = true;
    });
    await settle();
    batches[0]?.finish();
    await settle();
    expect(drained).toBe(false);
    batches[1]?.finish();
    await drain;
    await results;
    await batcher.drain();
  });
});
