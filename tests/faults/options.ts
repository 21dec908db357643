import { parseArgs } from 'node:util';
import { chooseSeed, parseSeed } from '../support/seed.js';
import { type Scenario, scenarios } from './scenarios.js';

export interface Options {
  /** Undefined: every scenario once, in its short form. */
  minutes: number | undefined;
  /** Of the first round; each further one has the next number. */
  seed: number;
  scenarios: readonly Scenario[];
  /** The folder of an earlier round, which is checked again. Nothing is run. */
  check: string | undefined;
}

export const USAGE = `npm run test:faults -- [--short | --minutes N] [--seed S] [--scenario NAME]…

--short         every scenario once, in two or three minutes; what happens without --minutes
--minutes N     the scenarios in turn, longer each, for N minutes
--seed S        the plan of faults of the first round; each further round has the next number;
                without it TEST_SEED, or another one in every run
--check FOLDER  judges a round again that was kept, and runs nothing
--scenario NAME one of: ${scenarios.map(({ name }) => name).join(', ')}`;

/** @throws Error with one plain sentence for invalid options. */
export function parseOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: 'boolean' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      scenario: { type: 'string', multiple: true },
      check: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  if (values.short && values.minutes !== undefined) throw new Error('Choose --short or --minutes.');
  const names = values.scenario ?? [];
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new Error(`There is no scenario "${unknown}".`);
  return {
    minutes: values.minutes === undefined ? undefined : positive('--minutes', values.minutes),
    seed: values.seed === undefined ? chooseSeed() : parseSeed('--seed', values.seed),
    scenarios: scenarios.filter(({ name, shortMs }) =>
      names.length > 0 ? names.includes(name) : values.minutes !== undefined || shortMs !== undefined,
    ),
    check: values.check,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0, not "${text}".`);
  return value;
}
