import { expect, it } from 'vitest';
import { Rounds } from '../../src/delivery/rounds.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Something that takes so long to write, and when it was told to. */
function flushable(costMs: number) {
  let flushed: (at: number) => void = () => {};
  const at = new Promise<number>((resolve) => {
    flushed = resolve;
  });
  return {
    at,
    flush() {
      const startedAt = performance.now();
      while (performance.now() - startedAt < costMs);
      flushed(performance.now());
    },
  };
}

it('writes at the end of the turn, in the order asked for', async () => {
  const rounds = new Rounds();
  const order: string[] = [];
  for (const name of ['a', 'b', 'c']) rounds.addWriter({ flush: () => order.push(name) });
  expect(order).toEqual([]);
  await turn();
  expect(order).toEqual(['a', 'b', 'c']);
});

it('waits up to 2 ms for company after a round that took long, and not after a rest', async () => {
  const rounds = new Rounds();
  const slow = flushable(20);
  rounds.addWriter(slow);
  const endedAt = await slow.at;
  const next = flushable(0);
  rounds.addWriter(next);
  expect((await next.at) - endedAt).toBeGreaterThanOrEqual(1);
  await new Promise((resolve) => setTimeout(resolve, 10));
  let isWritten = false;
  rounds.addWriter({
    flush() {
      isWritten = true;
    },
  });
  await turn();
  expect(isWritten).toBe(true);
});
