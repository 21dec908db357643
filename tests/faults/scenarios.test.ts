import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.js';
import { Random } from './random.js';
import { DISTURBABLE, SERVICES, scenarios } from './scenarios.js';

const plans = (seed: number) => scenarios.map(({ plan, longMs }) => plan(new Random(seed), longMs));

describe('the scenarios', () => {
  it('make the same plan from the same seed, and another from another', () => {
    expect(plans(7)).toEqual(plans(7));
    expect(plans(7)).not.toEqual(plans(8));
  });

  it('break only what is there', () => {
    for (let seed = 1; seed <= 200; seed += 1)
      for (const { atMs, fault } of plans(seed).flat(2)) {
        expect(atMs).toBeGreaterThanOrEqual(0);
        if (fault.kind === 'kill service') expect(fault.service).toBeLessThan(SERVICES);
        if ('clients' in fault) {
          expect(fault.clients.length).toBeGreaterThan(0);
          expect(Math.max(...fault.clients)).toBeLessThan(DISTURBABLE);
          expect(new Set(fault.clients).size).toBe(fault.clients.length);
        }
      }
  });

  it('break something in the short form too, within two minutes in all', () => {
    const short = scenarios.filter(({ shortMs }) => shortMs !== undefined);
    for (const { plan, shortMs = 0 } of short) expect(plan(new Random(1), shortMs).flat()).not.toEqual([]);
    expect(short.reduce((sum, { shortMs = 0 }) => sum + shortMs, 0)).toBeLessThan(90_000);
  });
});

describe('the options', () => {
  it('run every scenario once by default, each with a part in the short form', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ minutes: undefined, seed: expect.any(Number) });
    expect(parseOptions(['--short', '--seed', '5'])).toMatchObject({ minutes: undefined, seed: 5 });
  });

  it('take a duration, a seed and scenarios by their names', () => {
    expect(parseOptions(['--minutes', '0.5', '--seed', '42', '--scenario', 'calm'])).toMatchObject({
      minutes: 0.5,
      seed: 42,
      scenarios: [{ name: 'calm' }],
    });
  });

  it('refuse what makes no sense', () => {
    expect(() => parseOptions(['--minutes', 'many'])).toThrow('--minutes must be a number above 0, not "many".');
    expect(() => parseOptions(['--scenario', 'flood'])).toThrow('There is no scenario "flood".');
    expect(() => parseOptions(['--short', '--minutes', '3'])).toThrow('Choose --short or --minutes.');
  });
});
