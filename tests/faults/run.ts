import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Keeper } from '../support/keeper.js';
import { PrivatePostgres } from '../support/private-postgres.js';
import { PrivateRedis } from '../support/private-redis.js';
import { MissingProgramError } from '../support/server-program.js';
import { check } from './checker.js';
import type { DatabaseState } from './database-state.js';
import { readJournal } from './journal.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { heading, row } from './report.js';
import { type RoundResult, runRound, type Servers } from './round.js';
import type { Scenario } from './scenarios.js';
import { ServiceProcess } from './service-process.js';
import { createWorld, FIRST_ACCOUNTS, type InboxesSize } from './world.js';

/** A round that takes this much longer than its faults counts as hung. Milliseconds. */
const ROUND_PATIENCE_MS = 120_000;
const TEMPLATE = 'fault_tests';
const FEW_INBOXES: InboxesSize = { users: 8, chats: 8 };
const MANY_INBOXES: InboxesSize = { users: 200, chats: 50 };

const keeper = new Keeper();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void keeper.close().finally(() => process.exit(130)));

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') print(USAGE);
  else if (options.check !== undefined) process.exitCode = tell(await judgeAgain(options.check));
  else process.exitCode = tell(await runAll(await startServers(inboxesOf(options)), options));
} catch (error) {
  print(
    error instanceof MissingProgramError ? `The fault tests cannot run. ${error.message}` : String(describe(error)),
  );
  process.exitCode = 2;
}
await keeper.close();
process.exit();

/** The exit code. */
function tell(violations: number): number {
  print(violations === 0 ? 'No violation.' : `${violations} violations.`);
  return violations === 0 ? 0 : 1;
}

/** Checks the files of an earlier round. Returns the number of violations. */
async function judgeAgain(folder: string): Promise<number> {
  const database: DatabaseState = JSON.parse(await readFile(join(folder, 'database.json'), 'utf8'));
  const violations = check(await readJournal(join(folder, 'journal.jsonl')), database);
  for (const { rule, what } of violations) print(`violated: ${rule}: ${what}`);
  return violations.length;
}

/** The number of violations. */
async function runAll(servers: Servers, options: Options): Promise<number> {
  print(heading());
  let violations = 0;
  for (const { scenario, seed, durationMs } of rounds(options)) {
    const result = await withPatience(runRound(servers, scenario, seed, durationMs), scenario, seed, durationMs);
    print(row(result));
    violations += result.violations.length;
  }
  return violations;
}

/** Runs every scenario once, or all of them repeatedly until the time is over. */
function* rounds({ minutes, seed, scenarios }: Options) {
  const endAt = minutes === undefined ? undefined : performance.now() + minutes * 60_000;
  for (let round = 0; endAt === undefined ? round < scenarios.length : performance.now() < endAt; round += 1) {
    const scenario = scenarios[round % scenarios.length];
    if (!scenario) return;
    const durationMs = (endAt === undefined && scenario.shortMs) || scenario.longMs;
    yield { scenario, seed: seed + round, durationMs };
  }
}

async function withPatience(
  round: Promise<RoundResult>,
  { name }: Scenario,
  seed: number,
  durationMs: number,
): Promise<RoundResult> {
  const result = await Promise.race([round, sleep(durationMs + ROUND_PATIENCE_MS, undefined, { ref: false })]);
  if (!result) throw new Error(`The round "${name}" with seed ${seed} does not end.`);
  return result;
}

/** Many in the long form, where somebody listens to them. */
function inboxesOf({ minutes, scenarios }: Options): InboxesSize {
  const areHeard = scenarios.some(({ load }) => load?.inboxes);
  return minutes !== undefined && areHeard ? MANY_INBOXES : FEW_INBOXES;
}

/** Servers of our own, and a database with everybody in it that every round gets a copy of. */
async function startServers(inboxes: InboxesSize): Promise<Servers> {
  const [postgres, redis, folder] = await Promise.all([
    PrivatePostgres.start(keeper),
    PrivateRedis.start(keeper),
    keeper.folder('chat-api-faults'),
  ]);
  await postgres.query(`CREATE DATABASE ${TEMPLATE}`);
  const service = await ServiceProcess.start({
    keeper,
    folder,
    logFile: `${folder}/first-service.log`,
    environment: { DATABASE_URL: postgres.url(TEMPLATE), REDIS_URL: redis.url, ...FIRST_ACCOUNTS },
    onExit: (how) => print(`The first service ended: ${how}`),
  });
  const world = await createWorld(service.origin, inboxes);
  await service.kill();
  return { keeper, postgres, redis, template: TEMPLATE, world };
}

function describe(error: unknown): unknown {
  return error instanceof Error ? (error.stack ?? error.message) : error;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
