import { expect, it } from 'vitest';
import { Usage, UsageByOwner } from '../../../src/plugins/limits/usage.js';

it('more requests than the rate in one second are refused with the time to wait; the next second starts at zero', () => {
  const usage = new Usage();
  expect([1000, 1000, 1400].map((now) => usage.countRequest(2, now))).toEqual([0, 0, 600]);
  expect(usage.countRequest(2, 2000)).toBe(0);
});

it('the usage of the owner seen longest ago is dropped first, never that of a regular one', () => {
  const usages = new UsageByOwner(100);
  const regular = usages.of('regular');
  for (let index = 0; index < 1000; index += 1) {
    usages.of(`stranger ${index}`);
    expect(usages.of('regular')).toBe(regular);
    expect(usages.size).toBeLessThanOrEqual(100);
  }
});
