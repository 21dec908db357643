import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { FairSlots, type Slot } from '../../../src/domain/queues/fair-slots.js';

/** Takes slots and writes down in which order they were granted. */
function recorder(slots: FairSlots) {
  const granted: string[] = [];
  const take = (owner: string, name: string): Slot => {
    const slot = slots.take(owner);
    if (slot.granted) void slot.granted.then(() => granted.push(name));
    else granted.push(name);
    return slot;
  };
  return { granted, take };
}

/** What has been resolved is known after this. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('fair slots', () => {
  it('let an owner have a few at a time, and others at once', async () => {
    const { granted, take } = recorder(new FairSlots({ perOwner: 2, total: 10, waitingPerOwner: 10 }));
    const first = take('ann', 'a1');
    take('ann', 'a2');
    take('ann', 'a3');
    take('bob', 'b1');
    expect(granted).toEqual(['a1', 'a2', 'b1']);
    first.release();
    await settle();
    expect(granted).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('go round among those who wait when all are taken', async () => {
    const { granted, take } = recorder(new FairSlots({ perOwner: 4, total: 1, waitingPerOwner: 10 }));
    const slots = [take('ann', 'a1'), take('ann', 'a2'), take('ann', 'a3'), take('bob', 'b1'), take('cid', 'c1')];
    for (let count = 0; count < slots.length; count += 1) {
      await settle();
      slots.find((_slot, index) => granted.at(-1) === ['a1', 'a2', 'a3', 'b1', 'c1'][index])?.release();
    }
    await settle();
    expect(granted).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
  });

  it('refuse an owner of whom too many wait, and nobody else', () => {
    const slots = new FairSlots({ perOwner: 1, total: 1, waitingPerOwner: 2 });
    for (let count = 0; count < 3; count += 1) slots.take('ann');
    expect(() => slots.take('ann')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 1000 }));
    expect(slots.take('bob').granted).toBeInstanceOf(Promise);
  });

  it('leave room for others among those who wait: an owner has no more of them than are free', () => {
    const refusal = new DomainError('SERVICE_UNAVAILABLE', 'Busy.');
    const slots = new FairSlots(
      { perOwner: 1, total: 1, waitingPerOwner: Number.POSITIVE_INFINITY, waiting: 6 },
      () => refusal,
    );
    slots.take('ann');
    const anns = [slots.take('ann'), slots.take('ann'), slots.take('ann')];
    expect(() => slots.take('ann')).toThrow(refusal);
    slots.take('bob');
    slots.take('bob');
    expect(() => slots.take('bob')).toThrow(refusal);
    slots.take('cid');
    for (const slot of anns) slot.release();
    expect(slots.take('bob').granted).toBeInstanceOf(Promise);
  });

  it('are not lost by those who leave while they wait, or give back twice', async () => {
    const { granted, take } = recorder(new FairSlots({ perOwner: 1, total: 1, waitingPerOwner: 10 }));
    const first = take('ann', 'a1');
    const left = take('ann', 'a2');
    take('ann', 'a3');
    left.release();
    left.release();
    first.release();
    first.release();
    take('bob', 'b1');
    await settle();
    expect(granted).toEqual(['a1', 'a3']);
  });
});
