import { describe, expect, it } from 'vitest';
import { type Feed, Rounds } from '../../src/delivery/rounds.js';

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
        isDue: false,
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
    rounds.addChange(feed('one'));
    rounds.addWriter(writer('acknowledgement'));
    rounds.addChange(feed('two'));
    await turn();
    expect(order).toEqual(['one', 'two', 'acknowledgement', 'listener of one', 'listener of two']);
  });

  it('hands out what all feeds have first, also when one of them has many listeners', async () => {
    const { rounds, order, feed } = setUp();
    rounds.addChange(feed('one', 200));
    rounds.addChange(feed('two'));
    await turn();
    expect(order.slice(0, 3)).toEqual(['one', 'two', 'listener of one']);
    expect(order).toHaveLength(203);
  });

  it('lets acknowledgements go before a lone feed', async () => {
    const { rounds, order, writer, feed } = setUp();
    rounds.addChange(feed('one'));
    rounds.addWriter(writer('acknowledgement'));
    await turn();
    expect(order).toEqual(['acknowledgement', 'one', 'listener of one']);
  });

  it('lets the first listeners of a lone feed write before the last are handed anything', async () => {
    const { rounds, order, writer } = setUp();
    rounds.addChange({
      isDue: false,
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
      rounds.addChange(feed('late'));
      rounds.addWriter(again);
    });
    rounds.addWriter(once);
    await turn();
    expect(order).toEqual(['once']);
    await turn();
    expect(order).toEqual(['once', 'again', 'late', 'listener of late']);
  });
});

describe('when rounds take long', () => {
  // Timers have whole milliseconds, and so has the moment that they count from.
  const WHOLE_WINDOW_MS = 12;

  /** A feed whose listener takes 20 ms to write. */
  function slowFeed(rounds: Rounds): Feed {
    const listener = {
      flush() {
        const startedAt = performance.now();
        while (performance.now() - startedAt < 20);
      },
    };
    return {
      isDue: false,
      flush() {
        rounds.addWriter(listener);
      },
    };
  }

  function addChanges(rounds: Rounds, feed: Feed, count: number): void {
    for (let added = 0; added < count; added += 1) rounds.addChange(feed);
  }

  /** Resolves when the next round begins to how long it was put off, in milliseconds. */
  function nextRound(rounds: Rounds): Promise<number> {
    const askedAt = performance.now();
    return new Promise((resolve) => rounds.addWriter({ flush: () => resolve(performance.now() - askedAt) }));
  }

  /** How long each of so many rounds is put off when as many changes come for each of them at once. */
  async function putOff(rounds: Rounds, feed: Feed, count: number, changes: number): Promise<number[]> {
    const waits: number[] = [];
    while (waits.length < count) {
      addChanges(rounds, feed, changes);
      waits.push(await nextRound(rounds));
    }
    return waits;
  }

  /** Rounds in which eight changes came together, often enough to expect it. */
  async function setUp() {
    const rounds = new Rounds();
    const feed = slowFeed(rounds);
    await putOff(rounds, feed, 10, 8);
    await turn();
    return { rounds, feed };
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

  it('what comes soon after one waits up to 15 ms for company, when changes came together of late', async () => {
    const { rounds } = await setUp();
    expect(await nextRound(rounds)).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
  });

  it('one change that comes alone does not end that', async () => {
    const { rounds, feed } = await setUp();
    await putOff(rounds, feed, 1, 1);
    expect(await nextRound(rounds)).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
  });

  it('nothing waits when each comes alone', async () => {
    const rounds = new Rounds();
    const feeds = [slowFeed(rounds), slowFeed(rounds)];
    for (let round = 0; round < 10; round += 1) {
      for (const feed of feeds) rounds.addChange(feed);
      expect(await isWrittenAtOnce(rounds)).toBe(true);
    }
  });

  it('nothing waits after a rest', async () => {
    const { rounds } = await setUp();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(await isWrittenAtOnce(rounds)).toBe(true);
  });

  it('nothing waits any longer when as many have come as usual', async () => {
    const { rounds, feed } = await setUp();
    addChanges(rounds, feed, 7);
    let isOver = false;
    const round = nextRound(rounds).then(() => {
      isOver = true;
    });
    await turn();
    expect(isOver).toBe(false);
    rounds.addChange(feed);
    await turn();
    await round;
    expect(isOver).toBe(true);
  });

  it('a window lasts to its end now and then, to find out whether more come together', async () => {
    const { rounds, feed } = await setUp();
    // Two of 32 windows; and a few rounds have none, where the machine stood still for longer than it would have lasted.
    const waits = await putOff(rounds, feed, 40, 8);
    const whole = waits.filter((wait) => wait >= WHOLE_WINDOW_MS);
    expect(whole.length).toBeGreaterThanOrEqual(2);
    expect(whole.length).toBeLessThan(waits.length / 2);
  });

  it('fewer become usual', async () => {
    const { rounds, feed } = await setUp();
    const waits = await putOff(rounds, feed, 10, 7);
    expect(waits[0]).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
    expect(Math.min(...waits)).toBeLessThan(WHOLE_WINDOW_MS);
  });
});
