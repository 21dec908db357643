import { expect, it } from 'vitest';
import { CallRates } from '../../../src/domain/queues/call-rates.js';

it('allows so many calls in a window that begins with the first, and says when the next begins', () => {
  const rates = new CallRates({ calls: 2, windowMs: 1000 });
  expect([0, 10, 20.5, 999].map((now) => rates.count('ann', now))).toEqual([0, 0, 980, 1]);
  expect(rates.count('bob', 999)).toBe(0);
  expect([1000, 1001, 1002].map((now) => rates.count('ann', now))).toEqual([0, 0, 998]);
});

it('forgets the owners that it has not seen for longest', () => {
  const rates = new CallRates({ calls: 1, windowMs: 1000, owners: 4 });
  rates.count('ann', 0);
  for (const other of ['b', 'c', 'd']) rates.count(other, 1);
  expect(rates.count('ann', 2)).toBe(0);
  expect(rates.count('ann', 3)).toBeGreaterThan(0);
});
