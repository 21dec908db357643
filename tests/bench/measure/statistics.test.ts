import { expect, test } from 'vitest';
import { Histogram } from '../load/histogram.js';
import { exponent, spread } from './statistics.js';

test('The median of an even number of values lies between the middle two', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 });
});

test('The exponent tells flat, linear and square growth apart', () => {
  const points = (power: number) => [10, 100, 1000].map((size) => ({ size, cost: 3 * size ** power }));
  for (const power of [0, 1, 2]) expect(exponent(points(power))).toBeCloseTo(power);
  expect(exponent(points(1).slice(0, 1))).toBeUndefined();
});

test('A histogram gives percentiles within two percent', () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 10_000; value += 1) histogram.record(value / 10);
  const { p50 = 0, p99 = 0, max } = histogram.percentiles() ?? {};
  expect(Math.abs(p50 - 500) / 500).toBeLessThan(0.02);
  expect(Math.abs(p99 - 990) / 990).toBeLessThan(0.02);
  expect(max).toBe(1000);
  histogram.clear();
  expect(histogram.percentiles()).toBeUndefined();
});
