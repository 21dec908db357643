import { describe, expect, it } from 'vitest';
import { CannotRun } from './cannot-run.js';
import { parseOptions, USAGE } from './options.js';
import { scenarios } from './scenarios/scenarios.js';

describe('the options of the benchmark', () => {
  it('measure everything and write the published results without any', () => {
    expect(parseOptions([])).toMatchObject({
      scenarios,
      out: expect.stringContaining('benchmarks'),
      against: undefined,
    });
  });

  it('measure --only what they name, once or several times', () => {
    const namesOf = (args: string[]) => {
      const options = parseOptions(args);
      return options === 'help' ? [] : options.scenarios.map(({ name }) => name);
    };
    expect(namesOf(['--only', 'history'])).toEqual(['history']);
    expect(namesOf(['--only', 'history,idle', '--only', 'steady'])).toEqual(['history', 'idle', 'steady']);
    for (const { name } of scenarios) expect(USAGE).toContain(name);
  });

  it('measure --only one --against an earlier build, and nothing else beside it', () => {
    expect(parseOptions(['--only', 'history', '--against', 'HEAD~1'])).toMatchObject({
      scenarios: [{ name: 'history', base: 'before', targets: ['service', 'before'] }],
      against: 'HEAD~1',
      out: undefined,
    });
  });

  it.each([
    [['--only', 'nonsense'], 'There is no scenario "nonsense"; --help names them.'],
    [['--size', '0'], '--size must be a number above 0, not "0".'],
    [['--targets', 'nobody'], 'There is no target "nobody".'],
  ])('refuse %j in one sentence', (args, message) => {
    expect(() => parseOptions(args)).toThrow(new CannotRun(message));
  });
});
