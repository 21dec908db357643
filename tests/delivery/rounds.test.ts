import { describe, expect, it } from 'vitest';
import { Rounds } from '../../src/delivery/rounds.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a round', () => {
  /** Rounds, and the names of what they flushed. A feed has listeners, who write what they are handed. */
  function setUp() {
    const rounds = new Rounds();
    const order: string[] = [];
    const writer = (name: string, flush = () => {}) => ({
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
          return 1;
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

  it('hands out what all feeds have first, also when one of them has many listeners', async () => {
    const { rounds, order, feed } = setUp();
    rounds.addFeed(feed('one', 200));
    rounds.addFeed(feed('two'));
    await turn();
    expect(order.slice(0, 3)).toEqual(['one', 'two', 'listener of one']);
    expect(order).toHaveLength(203);
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
        return 1;
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
  /** A feed that has so many changes, and whose listener takes 20 ms to write them. */
  function slowFeed(rounds: Rounds, changes: number) {
    const listener = {
      flush() {
        const startedAt = performance.now();
        while (performance.now() - startedAt < 20);
      },
    };
    return {
      flush() {
        rounds.addWriter(listener);
        return changes;
      },
    };
  }

  /** Whether what comes now is written at the end of this turn. */
  async function isWrittenAtOnce(rounds: Rounds): Promise<boolean> {
    let isWritten = false;
    rounds.addWriter({
      flush() {
        isWritten = true;
      },
    });
    await turn();
    return isWritten;
  }

  it('waits up to 15 ms for company when changes came together', async () => {
    const rounds = new Rounds();
    rounds.addFeed(slowFeed(rounds, 2));
    await turn();
    const endedAt = performance.now();
    await new Promise<void>((resolve) => rounds.addWriter({ flush: resolve }));
    // Timers have whole milliseconds, and so has the moment that they count from.
    expect(performance.now() - endedAt).toBeGreaterThanOrEqual(12);
  });

  it('waits for nothing when each came alone', async () => {
    const rounds = new Rounds();
    for (const feed of [slowFeed(rounds, 1), slowFeed(rounds, 1)]) rounds.addFeed(feed);
    await turn();
    expect(await isWrittenAtOnce(rounds)).toBe(true);
  });

  it('waits for nothing after a rest', async () => {
    const rounds = new Rounds();
    rounds.addFeed(slowFeed(rounds, 2));
    await turn();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await isWrittenAtOnce(rounds)).toBe(true);
  });
});
