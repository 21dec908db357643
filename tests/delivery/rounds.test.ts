import { describe, expect, it } from 'vitest';
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

describe('a round', () => {
  /** Rounds, and the names of what they flushed. A feed has a listener, who writes what it is handed. */
  function setUp() {
    const rounds = new Rounds();
    const order: string[] = [];
    const writer = (name: string) => ({ flush: () => void order.push(name) });
    return {
      rounds,
      order,
      writer,
      feed: (name: string) => ({
        flush() {
          order.push(name);
          rounds.addWriter(writer(`listener of ${name}`));
        },
      }),
    };
  }

  it('writes at the end of the turn, in the order asked for', async () => {
    const { rounds, order, writer } = setUp();
    for (const name of ['a', 'b', 'c']) rounds.addWriter(writer(name));
    expect(order).toEqual([]);
    await turn();
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('hands out what all feeds have before anything is written', async () => {
    const { rounds, order, writer, feed } = setUp();
    rounds.addFeed(feed('one'));
    rounds.addWriter(writer('acknowledgement'));
    rounds.addFeed(feed('two'));
    await turn();
    expect(order).toEqual(['one', 'two', 'acknowledgement', 'listener of one', 'listener of two']);
  });

  it('lets acknowledgements go before a lone feed', async () => {
    const { rounds, order, writer, feed } = setUp();
    rounds.addFeed(feed('one'));
    rounds.addWriter(writer('acknowledgement'));
    await turn();
    expect(order).toEqual(['acknowledgement', 'one', 'listener of one']);
  });

  it('is followed by another for what came while it was written', async () => {
    const { rounds, order, feed } = setUp();
    rounds.addWriter({ flush: () => rounds.addFeed(feed('late')) });
    await turn();
    expect(order).toEqual([]);
    await turn();
    expect(order).toEqual(['late', 'listener of late']);
  });
});

it('waits up to 15 ms for company after a round that took long, and not after a rest', async () => {
  const rounds = new Rounds();
  const slow = flushable(20);
  rounds.addWriter(slow);
  const endedAt = await slow.at;
  const next = flushable(0);
  rounds.addWriter(next);
  // Timers have whole milliseconds, and so has the moment that they count from.
  expect((await next.at) - endedAt).toBeGreaterThanOrEqual(12);
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
