import { Keeper } from '../support/keeper.js';
import { PrivatePostgres } from '../support/private-postgres.js';
import { PrivateRedis } from '../support/private-redis.js';
import { MissingProgramError } from '../support/server-program.js';
import { CannotRun } from './cannot-run.js';
import { InvalidRun } from './load/tally.js';
import { checkOpenFiles, describeMachine } from './measure/machine.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { writeResults } from './report/files.js';
import { ScenarioResult } from './report/results.js';
import { goalTable, tables } from './report/table.js';
import { runRound, type Servers } from './round.js';
import { repetitionsOf, type Scenario, type Variant } from './scenarios/scenario.js';
import { buildPrograms } from './targets/build.js';
import { buildOf } from './targets/build-of.js';
import { measureBefore, targets } from './targets/targets.js';
import { Databases } from './world/databases.js';

/** Of a process beside its sockets. */
const OTHER_FILES = 200;

const keeper = new Keeper();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void keeper.close().finally(() => process.exit(130)));

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') print(USAGE);
  else await runAll(options);
} catch (error) {
  print(describe(error));
  process.exitCode = 2;
}
await keeper.close();
process.exit();

async function runAll(options: Options): Promise<void> {
  const plan = options.scenarios.map((scenario) => ({ scenario, variants: scenario.variants(options.form) }));
  const sockets = plan.flatMap(({ variants }) => variants.map(({ work }) => socketsOf(work)));
  checkOpenFiles(Math.max(0, ...sockets) + OTHER_FILES);
  await buildPrograms();
  if (options.against !== undefined) measureBefore(await buildOf(options.against, keeper));
  const servers = await startServers(options.profiles);
  const machine = await describeMachine(servers.postgres);
  print(machine.join('\n'));
  const results: ScenarioResult[] = [];
  for (const { scenario, variants } of plan) {
    const result = await measure(servers, options, scenario, variants);
    results.push(result);
    print(`\n${tables(result)}`);
  }
  print(`\n${goalTable(results)}`);
  const invalid = results.flatMap((result) => result.invalid);
  if (invalid.length > 0) {
    print(`\nInvalid:\n${invalid.join('\n')}`);
    process.exitCode = 1;
  } else if (options.out !== undefined)
    writeResults(options.out, results, machine, options.form, process.argv.slice(2));
}

/** Alternates sizes and targets, so that changes on the machine affect all of them alike. */
async function measure(
  servers: Servers,
  options: Options,
  scenario: Scenario,
  variants: readonly Variant[],
): Promise<ScenarioResult> {
  const names = scenario.targets.filter((name) => options.targets?.includes(name) ?? true);
  const result = new ScenarioResult(scenario, variants, names);
  const timesOf = (variant: Variant) => repetitionsOf(scenario, variant === variants.at(-1), options.form);
  for (let turn = 0; turn < Math.max(...variants.map(timesOf)); turn += 1)
    for (const variant of variants.filter((candidate) => turn < timesOf(candidate)))
      for (const name of names)
        try {
          result.add(variant, name, turn, await runRound(servers, scenario, variant, targets[name]));
        } catch (error) {
          if (!(error instanceof InvalidRun)) throw error;
          result.invalid.push(`${scenario.name}, ${variant.label}, ${targets[name].title}: ${error.message}`);
        }
  return result;
}

function socketsOf(work: Variant['work']): number {
  switch (work.kind) {
    case 'fan-out':
    case 'steady':
      return work.listeners;
    case 'rooms':
      return work.people;
    case 'idle':
      return work.sockets;
    case 'resume':
      return work.clients;
    default:
      return work.inFlight;
  }
}

async function startServers(profiles: string | undefined): Promise<Servers> {
  const [postgres, redis, folder] = await Promise.all([
    PrivatePostgres.start(keeper),
    PrivateRedis.start(keeper),
    keeper.folder('chat-api-bench'),
  ]);
  return { keeper, postgres, redis, folder, profiles, databases: new Databases(postgres, folder) };
}

function describe(error: unknown): string {
  if (error instanceof MissingProgramError) return `The benchmark cannot run. ${error.message}`;
  // An option that `parseArgs` does not know has a code.
  if (error instanceof CannotRun || (error instanceof TypeError && 'code' in error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
