import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CannotRun } from './cannot-run.js';
import type { Form, Repetitions, Scenario } from './scenarios/scenario.js';
import { scenarios } from './scenarios/scenarios.js';
import type { TargetName } from './targets/target.js';
import { targets } from './targets/targets.js';

export interface Options {
  scenarios: readonly Scenario[];
  /** Undefined: those of the scenario. */
  targets: readonly TargetName[] | undefined;
  form: Form;
  /** Where the table and the plot go; undefined: nowhere. */
  out: string | undefined;
  /** Where the targets' CPU profiles go; undefined: none are made. */
  profiles: string | undefined;
  /** The commit whose build is measured beside this one; undefined: none. */
  against: string | undefined;
}

const DOCS = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url));

const QUICK: Form = { name: 'quick', warmUpSeconds: 0.3, seconds: 0.7, repetitions: always(1) };
const FULL: Form = { name: 'full', warmUpSeconds: 2, seconds: 6, repetitions: { largest: 5, smaller: 2, alike: 3 } };

export const USAGE = `npm run bench -- [--quick] [--only NAME]… [--targets NAME,NAME…] [--against REF] [--size N] [--seconds N] [--repetitions N]

Without arguments everything is measured and docs/benchmarks/ is written; that takes the better part of an hour.
--quick         one size each, once, under a second each: two to three minutes in all; shows that it runs, not how fast
--only NAME     ${scenarios.map(({ name }) => name).join(', ')}
--targets NAMES ${Object.keys(targets).join(', ')}
--against REF   beside the service as it was at that commit, with the ratio to it, in place of the other targets
--size N        this size of each scenario, in place of its own
--seconds N     how long each load is measured
--repetitions N how often each target is measured, in turn with the others
--out FOLDER    write results.md and results.svg there
--profile FOLDER write a CPU profile of every target there, for the browser's developer tools; it slows them`;

/** @throws CannotRun with one plain sentence for invalid options. */
export function parseOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      targets: { type: 'string' },
      size: { type: 'string' },
      seconds: { type: 'string' },
      repetitions: { type: 'string' },
      out: { type: 'string' },
      profile: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const names = values.only?.flatMap((name) => name.split(','));
  const asked = names ? names.map(scenarioOf) : scenarios;
  const form = values.quick ? QUICK : FULL;
  const repetitions = positive('--repetitions', values.repetitions);
  return {
    scenarios: values.against === undefined ? asked : asked.map(besideBefore),
    targets: values.targets?.split(',').map(targetOf),
    form: {
      ...form,
      size: positive('--size', values.size),
      seconds: positive('--seconds', values.seconds) ?? form.seconds,
      repetitions: repetitions === undefined ? form.repetitions : always(repetitions),
    },
    // Published results need a full run of all scenarios.
    out: values.out ?? (args.length === 0 ? DOCS : undefined),
    profiles: values.profile === undefined ? undefined : resolve(values.profile),
    against: values.against,
  };
}

/** The scenario of two builds. */
function besideBefore(scenario: Scenario): Scenario {
  return { ...scenario, base: 'before', targets: ['service', 'before'] };
}

function always(times: number): Repetitions {
  return { largest: times, smaller: times, alike: times };
}

function scenarioOf(name: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new CannotRun(`There is no scenario "${name}"; --help names them.`);
  return scenario;
}

function targetOf(name: string): TargetName {
  const target = Object.values(targets).find((candidate) => candidate.name === name);
  if (!target) throw new CannotRun(`There is no target "${name}".`);
  return target.name;
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new CannotRun(`${option} must be a number above 0, not "${text}".`);
  return value;
}
