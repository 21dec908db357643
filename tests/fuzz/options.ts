import { parseArgs } from 'node:util';
import { chooseSeed, parseSeed } from '../support/seed.js';

export interface Options {
  /** Generated inputs, over all targets. */
  runs: number;
  seed: number;
  /** Names of targets. Empty: all. */
  targets: readonly string[];
  /** With PostgreSQL where the machine has its programs, or with the embedded database in any case. */
  embedded: boolean;
}

export const LONG_RUNS = 100_000;
export const SHORT_RUNS = 2_000;

export function usage(targets: readonly string[]): string {
  return `npm run test:fuzz -- [--short | --runs N] [--seed S] [--target NAME]… [--embedded]

--short         ${SHORT_RUNS} inputs, in about half a minute
--runs N        so many inputs over all targets; without it ${LONG_RUNS}
--seed S        the same inputs as another run with this seed; without it TEST_SEED, or another one in every run
--embedded      the embedded database, also where PostgreSQL could be started
--target NAME   one of: ${targets.join(', ')}`;
}

/** @throws Error with a plain sentence for what makes no sense. */
export function parseOptions(args: string[], known: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: 'boolean' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      target: { type: 'string', multiple: true },
      embedded: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  if (values.short && values.runs !== undefined) throw new Error('Choose --short or --runs.');
  const targets = values.target ?? [];
  const unknown = targets.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no target "${unknown}"; there are ${known.join(', ')}.`);
  return {
    runs: values.runs === undefined ? (values.short ? SHORT_RUNS : LONG_RUNS) : whole('--runs', values.runs),
    seed: values.seed === undefined ? chooseSeed() : parseSeed('--seed', values.seed),
    targets,
    embedded: values.embedded ?? false,
  };
}

function whole(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${name} must be a whole number above 0, not "${text}".`);
  return Number(text);
}
