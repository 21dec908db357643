import { describe, expect, it } from 'vitest';
import { Rounds } from '../../src/delivery/rounds.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a round', () => {
  /** Rounds, and the names of what they flushed. A feed has listeners, who write what they are handed. */
  function setUp() {
    const rounds = new Rounds();
    const order: string[] = [];
    const writer = (name: string, flush = () => {}) => ({
      wroteAt: Number.NEGATIVE_INFINITY,
      flush() {
        order.push(name);
        flush();
      },
    });
    return {
      rounds,
      order,
      writer,
      feed: (name: string, listeners = 1) => ({
        flush() {
          order.push(name);
          for (let count = 0; count < listeners; count += 1) rounds.addWriter(writer(`listener of ${name}`));
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
    rounds.addFeed(feed('one', 200));
    rounds.addWriter(writer('acknowledgement'));
    rounds.addFeed(feed('two'));
    await turn();
    expect(order.slice(0, 4)).toEqual(['one', 'two', 'acknowledgement', 'listener of one']);
    expect(order).toHaveLength(204);
  });

  it('lets acknowledgements go before a lone feed', async () => {
    const { rounds, order, writer, feed } = setUp();
    rounds.addFeed(feed('one'));
    rounds.addWriter(writer('acknowledgement'));
    await turn();
    expect(order).toEqual(['acknowledgement', 'one', 'listener of one']);
  });

  it('lets the first listeners of a lone feed write before the last are handed anything', async () => {
    const { rounds, order, writer } = setUp();
    rounds.addFeed({
      flush() {
        for (let count = 0; count < 200; count += 1) rounds.addWriter(writer('listener'));
        order.push('all are handed it');
      },
    });
    await turn();
    expect(order.indexOf('all are handed it')).toBe(128);
    expect(order).toHaveLength(201);
  });

  it('is followed by another for what came while it was written', async () => {
    const { rounds, order, writer, feed } = setUp();
    const again = writer('again');
    const once = writer('once', () => {
      rounds.addFeed(feed('late'));
      rounds.addWriter(again);
    });
    rounds.addWriter(once);
    await turn();
    expect(order).toEqual(['once']);
    await turn();
    expect(order).toEqual(['once', 'again', 'late', 'listener of late']);
  });
});

describe('after a round that took long', () => {
  /** Takes so long to write. */
  function slow(costMs: number) {
    let writes = 0;
    return {
      wroteAt: Number.NEGATIVE_INFINITY,
      get writes() {
        return writes;
      },
      flush() {
        const startedAt = performance.now();
        while (performance.now() - startedAt < costMs);
        writes += 1;
      },
    };
  }

  /** Resolves when the rounds have written what is added now. */
  function written(rounds: Rounds): Promise<number> {
    return new Promise((resolve) => {
      rounds.addWriter({ wroteAt: Number.NEGATIVE_INFINITY, flush: () => resolve(performance.now()) });
    });
  }

  it('waits up to 15 ms for company when those who wrote write again and again', async () => {
    const rounds = new Rounds();
    const writer = slow(20);
    for (const writes of [1, 2]) {
      rounds.addWriter(writer);
      await turn();
      expect(writer.writes).toBe(writes);
    }
    const endedAt = performance.now();
    // Timers have whole milliseconds, and so has the moment that they count from.
    expect((await written(rounds)) - endedAt).toBeGreaterThanOrEqual(12);
  });

  it('waits for nothing when others write each time', async () => {
    const rounds = new Rounds();
    for (let round = 0; round < 3; round += 1) {
      const writer = slow(20);
      rounds.addWriter(writer);
      await turn();
      expect(writer.writes).toBe(1);
    }
  });

  it('waits for nothing after a rest', async () => {
    const rounds = new Rounds();
    const writer = slow(20);
    rounds.addWriter(writer);
    await turn();
    rounds.addWriter(writer);
    await turn();
    await new Promise((resolve) => setTimeout(resolve, 20));
    rounds.addWriter(writer);
    await turn();
    expect(writer.writes).toBe(3);
  });
});
