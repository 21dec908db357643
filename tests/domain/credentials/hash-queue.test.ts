import { describe, expect, it } from 'vitest';
import { HashQueue, laneOf } from '../../../src/domain/credentials/hash-queue.js';

describe('HashQueue', () => {
  /** One place, taken; what waits runs in the order of `done` once `free` is called. */
  function busy(options = { maxWaiting: 10, maxPerAccount: 10 }) {
    const queue = new HashQueue({ parallel: 1, ...options });
    const done: string[] = [];
    let free = () => {};
    let started = () => {};
    const running = new Promise<void>((resolve) => (started = resolve));
    const held = queue.run({ network: 'x' }, () => {
      started();
      return new Promise<void>((resolve) => (free = resolve));
    });
    const add = (name: string, address: string, account: string) =>
      queue.run(laneOf(address, account), async () => {
        done.push(name);
      });
    const release = async () => {
      await running;
      free();
      await held;
    };
    return { add, done, release };
  }

  it('lets networks take turns, and accounts within them', async () => {
    const { add, done, release } = busy();
    const all = [
      ...['a1', 'a2', 'a3'].map((name) => add(name, '203.0.113.66', 'ann')),
      add('b', '203.0.113.66', 'bob'),
      add('c', '198.51.100.7', 'cid'),
    ];
    await release();
    await Promise.all(all);
    expect(done).toEqual(['a1', 'c', 'b', 'a2', 'a3']);
  });

  it('refuses one account’s at a number, and nobody else’s', async () => {
    const { add, release } = busy({ maxWaiting: 10, maxPerAccount: 1 });
    const first = add('a1', '203.0.113.66', 'ann');
    await expect(add('a2', '203.0.113.66', 'ann')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1000 });
    const others = [add('b', '203.0.113.66', 'bob'), add('a', '198.51.100.7', 'ann')];
    await release();
    await Promise.all([first, ...others]);
  });

  it('when it is full refuses the last of the network with most', async () => {
    const { add, done, release } = busy({ maxWaiting: 3, maxPerAccount: 10 });
    const flood = ['a', 'b', 'c'].map((name) => add(name, '203.0.113.66', name));
    await expect(add('d', '203.0.113.66', 'd')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const refused = expect(flood[2]).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const other = add('other', '198.51.100.7', 'ann');
    await refused;
    await release();
    await Promise.all([flood[0], flood[1], other]);
    expect(done).toEqual(['a', 'other', 'b']);
  });

  it('when it is full of networks with one each refuses the newcomer, and none of those who wait', async () => {
    const { add, done, release } = busy({ maxWaiting: 3, maxPerAccount: 10 });
    const waiting = [1, 2, 3].map((host) => add(`w${host}`, `203.0.113.${host}`, 'ann'));
    await expect(add('late', '198.51.100.7', 'bob')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await release();
    await Promise.all(waiting);
    expect(done).toEqual(['w1', 'w2', 'w3']);
  });
});
