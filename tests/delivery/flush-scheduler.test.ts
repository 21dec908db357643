import { describe, expect, it } from 'vitest';
import { type Feed, FlushScheduler } from '../../src/delivery/flush-scheduler.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a flush', () => {
  /** A scheduler, and the names of the feeds and writers in the order of their flushes. A feed's flush adds a writer per listener. */
  function setUp() {
    const scheduler = new FlushScheduler();
    const order: string[] = [];
    const writer = (name: string, flush = () => {}) => ({
      flush() {
        order.push(name);
        flush();
      },
    });
    return {
      scheduler,
      order,
      writer,
      feed: (name: string, listeners = 1) => ({
        isDue: false,
        flush() {
          order.push(name);
          for (let count = 0; count < listeners; count += 1) scheduler.addWriter(writer(`listener of ${name}`));
        },
      }),
    };
  }

  it('comes at the end of the turn, and calls the writers in the order in which they were added', async () => {
    const { scheduler, order, writer } = setUp();
    for (const name of ['a', 'b', 'c']) scheduler.addWriter(writer(name));
    expect(order).toEqual([]);
    await turn();
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('flushes all feeds before any writer', async () => {
    const { scheduler, order, writer, feed } = setUp();
    scheduler.addEvent(feed('one'));
    scheduler.addWriter(writer('acknowledgement'));
    scheduler.addEvent(feed('two'));
    await turn();
    expect(order).toEqual(['one', 'two', 'acknowledgement', 'listener of one', 'listener of two']);
  });

  it('flushes all feeds first, also when one of them has many listeners', async () => {
    const { scheduler, order, feed } = setUp();
    scheduler.addEvent(feed('one', 200));
    scheduler.addEvent(feed('two'));
    await turn();
    expect(order.slice(0, 3)).toEqual(['one', 'two', 'listener of one']);
    expect(order).toHaveLength(203);
  });

  it('writes acknowledgements before the events of a lone feed', async () => {
    const { scheduler, order, writer, feed } = setUp();
    scheduler.addEvent(feed('one'));
    scheduler.addWriter(writer('acknowledgement'));
    await turn();
    expect(order).toEqual(['acknowledgement', 'one', 'listener of one']);
  });

  it('writes to the first listeners of a lone feed before the last have got its events', async () => {
    const { scheduler, order, writer } = setUp();
    scheduler.addEvent({
      isDue: false,
      flush() {
        for (let count = 0; count < 200; count += 1) scheduler.addWriter(writer('listener'));
        order.push('all have got them');
      },
    });
    await turn();
    expect(order.indexOf('all have got them')).toBe(128);
    expect(order).toHaveLength(201);
  });

  it('is followed by another one for what was added during it', async () => {
    const { scheduler, order, writer, feed } = setUp();
    const again = writer('again');
    const once = writer('once', () => {
      scheduler.addEvent(feed('late'));
      scheduler.addWriter(again);
    });
    scheduler.addWriter(once);
    await turn();
    expect(order).toEqual(['once']);
    await turn();
    expect(order).toEqual(['once', 'again', 'late', 'listener of late']);
  });
});

describe('when flushes take long', () => {
  // Timers have a resolution of one millisecond, and so has the moment that they count from.
  const WHOLE_WINDOW_MS = 12;

  /** A feed whose listener takes 20 ms to write. */
  function slowFeed(scheduler: FlushScheduler): Feed {
    const listener = {
      flush() {
        const startedAt = performance.now();
        while (performance.now() - startedAt < 20);
      },
    };
    return {
      isDue: false,
      flush() {
        scheduler.addWriter(listener);
      },
    };
  }

  function addEvents(scheduler: FlushScheduler, feed: Feed, count: number): void {
    for (let added = 0; added < count; added += 1) scheduler.addEvent(feed);
  }

  /** Resolves at the next flush, to its delay in milliseconds. */
  function nextFlush(scheduler: FlushScheduler): Promise<number> {
    const askedAt = performance.now();
    return new Promise((resolve) => scheduler.addWriter({ flush: () => resolve(performance.now() - askedAt) }));
  }

  /** The delays of `count` flushes, each with so many events added at once. Milliseconds. */
  async function delays(scheduler: FlushScheduler, feed: Feed, count: number, events: number): Promise<number[]> {
    const waits: number[] = [];
    while (waits.length < count) {
      addEvents(scheduler, feed, events);
      waits.push(await nextFlush(scheduler));
    }
    return waits;
  }

  /** A scheduler whose flushes had eight events each, often enough for it to expect them. */
  async function setUp() {
    const scheduler = new FlushScheduler();
    const feed = slowFeed(scheduler);
    await delays(scheduler, feed, 10, 8);
    await turn();
    return { scheduler, feed };
  }

  /** Whether a writer that is added now is flushed at the end of this turn. */
  async function isWrittenAtOnce(scheduler: FlushScheduler): Promise<boolean> {
    let isWritten = false;
    scheduler.addWriter({
      flush() {
        isWritten = true;
      },
    });
    await turn();
    return isWritten;
  }

  it('the next one waits up to 15 ms for more events, when recent ones had several', async () => {
    const { scheduler } = await setUp();
    expect(await nextFlush(scheduler)).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
  });

  it('one flush with a single event does not end that', async () => {
    const { scheduler, feed } = await setUp();
    await delays(scheduler, feed, 1, 1);
    expect(await nextFlush(scheduler)).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
  });

  it('nothing waits when each feed has a single event', async () => {
    const scheduler = new FlushScheduler();
    const feeds = [slowFeed(scheduler), slowFeed(scheduler)];
    for (let round = 0; round < 10; round += 1) {
      for (const feed of feeds) scheduler.addEvent(feed);
      expect(await isWrittenAtOnce(scheduler)).toBe(true);
    }
  });

  it('nothing waits after a pause', async () => {
    const { scheduler } = await setUp();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(await isWrittenAtOnce(scheduler)).toBe(true);
  });

  it('the wait ends when as many events have come as is typical', async () => {
    const { scheduler, feed } = await setUp();
    addEvents(scheduler, feed, 7);
    let isOver = false;
    const round = nextFlush(scheduler).then(() => {
      isOver = true;
    });
    await turn();
    expect(isOver).toBe(false);
    scheduler.addEvent(feed);
    await turn();
    await round;
    expect(isOver).toBe(true);
  });

  it('a window lasts to its end now and then, to find out whether more events come together', async () => {
    const { scheduler, feed } = await setUp();
    // Two of 32 windows; and a few scheduler have none, where the machine stood still for longer than it would have lasted.
    const waits = await delays(scheduler, feed, 40, 8);
    const whole = waits.filter((wait) => wait >= WHOLE_WINDOW_MS);
    expect(whole.length).toBeGreaterThanOrEqual(2);
    expect(whole.length).toBeLessThan(waits.length / 2);
  });

  it('fewer events become typical', async () => {
    const { scheduler, feed } = await setUp();
    const waits = await delays(scheduler, feed, 10, 7);
    expect(waits[0]).toBeGreaterThanOrEqual(WHOLE_WINDOW_MS);
    expect(Math.min(...waits)).toBeLessThan(WHOLE_WINDOW_MS);
  });
});
