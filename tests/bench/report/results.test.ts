import { describe, expect, it } from 'vitest';
import { Tally } from '../load/tally.js';
import { type Figure, type Round, type Scenario, type Variant, world } from '../scenarios/scenario.js';
import { ScenarioResult } from './results.js';

const cost: Figure = { name: 'cost', unit: 'ms', better: 'less', of: ({ outcome }) => outcome.messages };
const scenario: Scenario = {
  name: 'any',
  title: 'Any',
  base: 'thin',
  targets: ['service', 'thin'],
  variants: () => [],
  figures: [cost],
};
const variant: Variant = {
  size: 1,
  label: 'one size',
  world: world({}),
  work: { kind: 'idle', sockets: 1, seconds: 1 },
};

function resultOf(service: readonly (number | undefined)[], thin: readonly number[]): ScenarioResult {
  const result = new ScenarioResult(scenario, [variant], ['service', 'thin']);
  for (const [turn, value] of service.entries())
    if (value !== undefined) result.add(variant, 'service', turn, roundOf(value));
  for (const [turn, value] of thin.entries()) result.add(variant, 'thin', turn, roundOf(value));
  return result;
}

function roundOf(messages: number): Round {
  return {
    outcome: { ...new Tally().outcome(), messages },
    usage: () => {
      throw new Error('Not asked for here.');
    },
  };
}

describe('a ratio', () => {
  it('is of the rounds of one turn, however the machine changes from turn to turn', () => {
    // Half as much in two turns of three; the medians are 10 and 40.
    const result = resultOf([10, 40, 5], [20, 80, 40]);
    expect(result.ratios(cost, 'service', 'thin')).toEqual([0.5]);
    expect(result.cell(cost, variant, 'service')).toEqual({ median: 10, min: 5, max: 40, ratio: 0.5 });
  });

  it('leaves out a turn in which a round did not count', () => {
    const result = resultOf([undefined, 10, 30], [1, 20, 20]);
    expect(result.ratios(cost, 'service', 'thin')).toEqual([1]);
  });

  it('of two sizes is of the rounds of one turn too', () => {
    const larger = { ...variant, label: 'another size' };
    const result = resultOf([10, 40, 5], []);
    for (const [turn, value] of [11, 42, 5, 90].entries()) result.add(larger, 'service', turn, roundOf(value));
    expect(result.ratioOfSizes(cost, 'service', larger, variant)).toBe(1.05);
  });

  it('is missing where no turn has both', () => {
    expect(resultOf([], [1, 2]).ratios(cost, 'service', 'thin')).toEqual([]);
  });
});
