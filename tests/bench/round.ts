import type { Keeper } from '../support/keeper.js';
import type { PrivatePostgres } from '../support/private-postgres.js';
import type { PrivateRedis } from '../support/private-redis.js';
import type { Job, Outcome } from './load/job.js';
import { LoadProcess } from './load/load-process.js';
import { InvalidRun } from './load/tally.js';
import { Meter } from './measure/meter.js';
import type { Round, Scenario, Variant } from './scenarios/scenario.js';
import type { Target } from './targets/target.js';
import { TargetProcess } from './targets/target-process.js';
import type { BenchDatabase, Databases } from './world/databases.js';

export interface Servers {
  keeper: Keeper;
  postgres: PrivatePostgres;
  redis: PrivateRedis;
  databases: Databases;
  folder: string;
  /** See `TargetOptions`. */
  profiles: string | undefined;
}

/** The longest that a load may take in addition to its measured seconds. */
const BOUND_MS = 150_000;

/** Measures one newly started target on a new database under one load. @throws InvalidRun when anything is missing. */
export async function runRound(servers: Servers, scenario: Scenario, variant: Variant, target: Target): Promise<Round> {
  const { keeper, postgres, redis, databases, folder, profiles } = servers;
  const database = await databases.copy(variant.world, target.project);
  const environment = target.project === undefined ? {} : raisedLimits(scenario);
  const options = { keeper, folder, databaseUrl: database.url, redisUrl: redis.url, environment, profiles };
  const [process, load] = [await TargetProcess.start(target, options), LoadProcess.start(keeper)];
  try {
    const meter = new Meter({ target: process.pid, postgres: postgres.pid, redis: redis.pid, load: load.pid });
    const { http, ordered } = target;
    const address = { port: process.port, dialect: dialectOf(scenario, target), http, ordered };
    const job: Job = { target: address, work: variant.work };
    const measuredMs = 'seconds' in variant.work ? variant.work.seconds * 1000 : 0;
    const outcome = await load.perform(job, BOUND_MS + measuredMs, (phase, edge) => meter.mark(phase, edge));
    if (process.hasEnded) throw new InvalidRun(`${target.title} ended meanwhile; see ${process.logFile}.`);
    await checkPersisted(target, databases, database, variant.world.hallMessages, outcome);
    return { outcome, usage: (phase) => meter.usage(phase) };
  } finally {
    await Promise.all([load.stop(), process.stop()]);
    await database.drop();
  }
}

function raisedLimits({ raisedLimits = {} }: Scenario): Record<string, string> {
  return Object.fromEntries(Object.entries(raisedLimits).map(([name, number]) => [name, String(number)]));
}

function dialectOf(scenario: Scenario, target: Target): Job['target']['dialect'] {
  if (scenario.listenOver) return scenario.listenOver;
  if (target.sockets === 'none') throw new Error(`${target.title} has no raw sockets for ${scenario.name}.`);
  return target.sockets;
}

/** Checks that the database has every acknowledged message and no other, numbered without a gap. */
async function checkPersisted(
  { persists }: Target,
  databases: Databases,
  database: BenchDatabase,
  seeded: number,
  outcome: Outcome,
) {
  if (persists === 'nowhere') return;
  if (persists === 'unnumbered') {
    const stored = await databases.unnumbered(database);
    if (stored === outcome.acknowledged) return;
    throw new InvalidRun(`${outcome.acknowledged} messages were acknowledged and ${stored} are stored.`);
  }
  const { messages, chatsWithHoles } = await databases.persisted(database);
  if (messages !== seeded + outcome.acknowledged)
    throw new InvalidRun(`${outcome.acknowledged} messages were acknowledged and ${messages - seeded} are stored.`);
  if (chatsWithHoles > 0) throw new InvalidRun(`The numbers of ${chatsWithHoles} chats have holes.`);
}
