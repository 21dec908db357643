import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptSubject, Attempts } from '../../../src/domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../../../src/domain/credentials/memory-attempt-store.js';

describe('Attempts', () => {
  const limits = { perAccount: 3, perAddress: 5, perClient: 4, longestBlockSeconds: 60 };
  let attempts: Attempts;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    attempts = new Attempts(new MemoryAttemptStore(), limits);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const wait = (ms: number) => vi.advanceTimersByTime(ms);
  const fail = async (subject: AttemptSubject, times: number) => {
    for (let count = 0; count < times; count += 1) await attempts.failed(subject);
  };
  /** Milliseconds to wait; 0 for who may go on. */
  const blocked = async (subject: AttemptSubject) => {
    try {
      await attempts.admit(subject);
      return 0;
    } catch (error) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED' });
      return error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined;
    }
  };

  it('lets the free failures pass and then waits twice as long after each, up to the longest block', async () => {
    const ann = { account: 'ann' };
    await fail(ann, 2);
    expect(await blocked(ann)).toBe(0);
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await fail(ann, 1);
      expect(await blocked(ann)).toBe(seconds * 1000);
      wait(seconds * 1000 - 1);
      expect(await blocked(ann)).toBe(1);
      wait(1);
      expect(await blocked(ann)).toBe(0);
    }
  });

  it('forgets when nothing failed for twice the longest block', async () => {
    await fail({ account: 'ann' }, 2);
    wait(120_001);
    await fail({ account: 'ann' }, 2);
    expect(await blocked({ account: 'ann' })).toBe(0);
  });

  it('counts by account, address and client apart, and asks for all of them', async () => {
    await fail({ account: 'ann', address: '192.0.2.1' }, 3);
    expect(await blocked({ account: 'ann', address: '192.0.2.1' })).toBe(1000);
    expect(await blocked({ account: 'ann', address: '192.0.2.9' })).toBe(0);
    expect(await blocked({ account: 'bob', address: '192.0.2.1' })).toBe(0);
    await fail({ account: 'bob', address: '192.0.2.1' }, 2);
    expect(await blocked({ account: 'cid', address: '192.0.2.1' })).toBe(1000);
    expect(await blocked({ client: '192.0.2.1' })).toBe(0);
    await fail({ client: 'app', address: '192.0.2.7' }, 4);
    expect(await blocked({ client: 'app', address: '192.0.2.7' })).toBe(1000);
    expect(await blocked({ client: 'app', address: '192.0.2.9' })).toBe(0);
  });

  it('forgets the account’s failures when the owner was there, not the address’s', async () => {
    const subject = { account: 'ann', address: '192.0.2.1' };
    await fail(subject, 4);
    await attempts.succeeded(subject);
    expect(await blocked(subject)).toBe(0);
    await fail({ address: '192.0.2.1' }, 1);
    expect(await blocked({ account: 'bob', address: '192.0.2.1' })).toBe(1000);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:0db8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['fe80::1%eth0', 'fe80::2', true],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['::1', '::2', true],
  ])('takes %s and %s for one network: %s', async (one, other, same) => {
    await fail({ address: one }, 5);
    expect(await blocked({ address: other })).toBe(same ? 1000 : 0);
  });

  it('keeps no owner out of their own network, however long another goes on', async () => {
    const guesser = { account: 'ann', address: '2001:db8:66::1' };
    await fail(guesser, 10);
    for (let count = 0; count < 1000; count += 1) {
      wait(60_000);
      await fail(guesser, 1);
      expect(await blocked(guesser)).toBe(60_000);
      expect(await blocked({ account: 'ann', address: '198.51.100.7' })).toBe(0);
    }
  });

  it('lets many networks have a bounded number of guesses at an account, and the networks it is known from go on', async () => {
    const home = { account: 'ann', address: '198.51.100.7' };
    await attempts.succeeded(home);
    let guesses = 0;
    for (let network = 0; network < 200; network += 1) {
      const guesser = { account: 'ann', address: `203.${network}.113.1` };
      if ((await blocked(guesser)) === 0) {
        await fail(guesser, 1);
        guesses += 1;
      }
    }
    expect(guesses).toBe(60);
    expect(await blocked({ account: 'ann', address: '192.0.2.9' })).toBe(60_000);
    expect(await blocked(home)).toBe(0);
    wait(60_000);
    expect(await blocked({ account: 'ann', address: '192.0.2.9' })).toBe(0);
  });

  it('lets an account that is known from a network pass when others have used up what the network may', async () => {
    await attempts.succeeded({ account: 'ann', address: '192.0.2.1' });
    for (let count = 0; count < 5; count += 1) await fail({ account: `user ${count}`, address: '192.0.2.1' }, 1);
    expect(await blocked({ account: 'bob', address: '192.0.2.1' })).toBe(1000);
    expect(await blocked({ account: 'ann', address: '192.0.2.1' })).toBe(0);
    await fail({ account: 'ann', address: '192.0.2.1' }, 3);
    expect(await blocked({ account: 'ann', address: '192.0.2.1' })).toBe(1000);
  });

  it.each([
    ['192.0.2.', '', 20],
    ['2001:db8:1:aa', '::1', 20],
    ['2001:db8:1:', '00::1', 40],
  ])('counts the networks around %s…%s too', async (before, after, free) => {
    const nth = (count: number) => `${before}${count}${after}`;
    for (let count = 10; count < 10 + free; count += 1) await fail({ address: nth(count) }, 1);
    expect(await blocked({ address: nth(99) })).toBe(1000);
  });

  it('never blocks for longer than it says when the clock is put back', async () => {
    vi.setSystemTime(Date.now() + 24 * 60 * 60 * 1000);
    await fail({ account: 'ann', address: '192.0.2.1' }, 3);
    vi.setSystemTime(Date.now() - 24 * 60 * 60 * 1000);
    expect(await blocked({ account: 'ann', address: '192.0.2.1' })).toBe(1000);
  });

  it('counts nothing where a limit is off', async () => {
    attempts = new Attempts(new MemoryAttemptStore(), { ...limits, perAccount: Infinity });
    await fail({ account: 'ann' }, 100);
    expect(await blocked({ account: 'ann' })).toBe(0);
  });
});
