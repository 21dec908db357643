import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cooldowns } from '../../../src/domain/credentials/cooldowns.js';

describe('Cooldowns', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tell how many milliseconds are left', () => {
    const cooldowns = new Cooldowns(5000);
    cooldowns.begin('ann');
    vi.advanceTimersByTime(2000);
    expect([cooldowns.leftMs('ann'), cooldowns.leftMs('bob')]).toEqual([3000, 0]);
    cooldowns.begin('ann');
    vi.advanceTimersByTime(4999);
    expect(cooldowns.leftMs('ann')).toBe(1);
    vi.advanceTimersByTime(1);
    expect(cooldowns.leftMs('ann')).toBe(0);
  });

  it('keep no name whose cooldown has ended', () => {
    const cooldowns = new Cooldowns(5000);
    for (const name of ['ann', 'bob', 'cid']) cooldowns.begin(name);
    vi.advanceTimersByTime(5000);
    cooldowns.begin('dan');
    expect(cooldowns.size).toBe(1);
  });
});
