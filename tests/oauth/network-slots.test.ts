import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { NetworkSlots } from '../../src/oauth/network-slots.js';

/** A response, as far as a waiting request looks at it. */
class Connection extends EventEmitter {
  destroyed = false;
  close() {
    this.destroyed = true;
    this.emit('close');
  }
}

const waiting: { connection: Connection; taken: Promise<unknown> }[] = [];

/** Those who still wait leave. */
afterEach(async () => {
  for (const { connection, taken } of waiting.splice(0)) {
    connection.close();
    await expect(taken).rejects.toMatchObject(BUSY);
  }
});

const BUSY = { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1000 };

describe('slots of networks', () => {
  /** `aside` is how many wait. */
  function start(options: Partial<{ perOwner: number; total: number; waiting: number; timeoutMs: number }> = {}) {
    const state = { aside: 0 };
    const yieldSlot = () => {
      state.aside += 1;
      return () => {
        state.aside -= 1;
      };
    };
    const slots = new NetworkSlots(yieldSlot, {
      perOwner: 1,
      total: 8,
      waiting: 100,
      timeoutMs: 60_000,
      ...options,
    });
    const take = (address: string, connection = new Connection()) => slots.take({ address, connection });
    /** A request that waits until the end of the test. */
    const wait = (address: string) => {
      const connection = new Connection();
      waiting.push({ connection, taken: take(address, connection) });
    };
    return { state, take, wait };
  }

  it('are few at once for one network, and another waits for none of them', async () => {
    const { state, take } = start();
    const end = await take('203.0.113.7');
    let isNext = false;
    const next = take('203.0.113.7:40001').then(() => {
      isNext = true;
    });
    await take('198.51.100.7');
    expect([state.aside, isNext]).toEqual([1, false]);
    end();
    end();
    await next;
    expect(state.aside).toBe(0);
  });

  it('are counted by the /56 of IPv6', async () => {
    const { state, take, wait } = start();
    await take('2001:db8:0:aa00::1');
    wait('2001:db8:0:aaff::1');
    expect(state.aside).toBe(1);
    await take('2001:db8:0:ab00::1');
  });

  it('that do not come in time are refused with SERVICE_UNAVAILABLE, and their place goes to the next', async () => {
    const { state, take } = start({ timeoutMs: 20 });
    const end = await take('203.0.113.7');
    await expect(take('203.0.113.7')).rejects.toMatchObject(BUSY);
    expect(state.aside).toBe(0);
    end();
    await take('203.0.113.7');
  });

  it('are refused at once when too many wait', async () => {
    const { state, take, wait } = start({ waiting: 4 });
    await take('203.0.113.7');
    wait('203.0.113.7');
    wait('203.0.113.7');
    await expect(take('203.0.113.7')).rejects.toMatchObject(BUSY);
    expect(state.aside).toBe(2);
    await take('198.51.100.7');
  });

  it('are not kept for who has gone', async () => {
    const { state, take } = start();
    const end = await take('203.0.113.7');
    const gone = new Connection();
    const waiting = take('203.0.113.7', gone);
    gone.close();
    await expect(waiting).rejects.toMatchObject(BUSY);
    await expect(take('203.0.113.7', gone)).rejects.toMatchObject(BUSY);
    expect(gone.listenerCount('close')).toBe(0);
    expect(state.aside).toBe(0);
    end();
    await take('203.0.113.7');
  });
});
