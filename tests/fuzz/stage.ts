import { join } from 'node:path';
import { ServiceProcess } from '../faults/service-process.js';
import type { Keeper } from '../support/keeper.js';
import { waitUntil } from '../support/wait-until.js';
import { type Outcome, runCampaign } from './campaign.js';
import { databaseNames } from './database-names.js';
import { Oracle } from './oracle.js';
import { type ProcessState, processState } from './process-state.js';
import { faultsInLog } from './service-log.js';
import { chooseTargets } from './targets/targets.js';
import { LeftConnections } from './targets/tcp.js';
import { Violation } from './violation.js';
import { FIRST_ACCOUNTS, World } from './world.js';

/** A service of its own settings that a part of the inputs goes to. */
export interface Stage {
  name: string;
  /** Of all inputs. */
  share: number;
  environment: Record<string, string>;
  refusesExcess: boolean;
}

const NO_LIMIT = '0';
/** Without one a production answers nothing on the page of sign-in and of the metadata. */
const PUBLIC_URL = 'https://chat.example';

export const stages: readonly Stage[] = [
  {
    name: 'without limits',
    share: 0.9,
    refusesExcess: false,
    environment: {
      LIMIT_REQUESTS_PER_ADDRESS: NO_LIMIT,
      LIMIT_REQUESTS_PER_USER: NO_LIMIT,
      LIMIT_REQUESTS_AT_ONCE: NO_LIMIT,
      LIMIT_EVENT_LOOP_DELAY_MS: NO_LIMIT,
      LIMIT_SOCKETS_PER_ADDRESS: NO_LIMIT,
      LIMIT_SOCKETS_PER_USER: NO_LIMIT,
      LIMIT_FRAMES_PER_SOCKET: NO_LIMIT,
      LIMIT_FRAMES_PER_USER: NO_LIMIT,
      LIMIT_FAILURES_PER_ACCOUNT: NO_LIMIT,
      LIMIT_FAILURES_PER_ADDRESS: NO_LIMIT,
      LIMIT_FAILURES_PER_CLIENT: NO_LIMIT,
      // A busy machine is no fault of the service.
      LIMIT_OPERATION_SECONDS: '60',
      LIMIT_HEADERS_SECONDS: '3',
      LIMIT_REQUEST_SECONDS: '5',
      ALLOW_QUERY_TOKEN: 'true',
    },
  },
  // Refuses what comes too often, in front of everything else.
  { name: 'default limits', share: 0.1, refusesExcess: true, environment: {} },
];

/** What all stages have in common. */
export interface Ground {
  keeper: Keeper;
  folder: string;
  /** How the service finds its database. */
  database: Record<string, string>;
  /** Texts that no answer may hold, such as the database's address. */
  hints: readonly string[];
  world: World | undefined;
}

export interface StageResult {
  outcomes: Outcome[];
  /** What is wrong with the service, beside answers. */
  faults: string[];
  before: ProcessState | undefined;
  after: ProcessState | undefined;
}

/** An input that costs memory for ever shows after thousands; caches and the heap's own ways take less than this. */
const MORE_MEGABYTES = 500;
/** The pool of the database may have grown by so many connections. */
const MORE_SOCKETS = 20;
const SETTLE_MS = 60_000;
const PROGRESS_EVERY = 5000;

/** Runs one stage from the start of its service to its end. */
export async function runStage(
  stage: Stage,
  ground: Ground,
  { runs, seed, targets: names }: { runs: number; seed: number; targets: readonly string[] },
): Promise<StageResult> {
  const logFile = join(ground.folder, `${stage.name.replaceAll(' ', '-')}.log`);
  const environment = { ...FIRST_ACCOUNTS, PUBLIC_URL, ...ground.database, ...stage.environment };
  let ended: string | undefined;
  const { keeper, folder } = ground;
  const onExit = (how: string) => {
    ended = how;
  };
  const service = await ServiceProcess.start({ keeper, folder, logFile, environment, onExit });
  const world = ground.world ?? (await World.create({ origin: service.origin, folder, environment }));
  ground.world = world;
  world.moveTo(service.origin);

  const left = new LeftConnections();
  const oracle = new Oracle(
    { names: databaseNames(), texts: [...ground.hints, folder, ...world.secrets] },
    stage.refusesExcess,
  );
  const scene = { port: service.port, oracle, fill: world.fill };
  const before = processState(service.pid);
  let reviving: Promise<void> | undefined;
  const outcomes = await runCampaign({
    runs,
    seed,
    targets: chooseTargets(names, left),
    scene,
    repair: () => world.repair(),
    onProgress(inputs) {
      if (inputs % PROGRESS_EVERY === 0) process.stderr.write(`${inputs} of ${runs} inputs\n`);
    },
    onFailure: (target, error, input) =>
      process.stderr.write(`${target}: ${String(error)}\n  by ${input.slice(0, 2000)}\n  (is made smaller now)\n`),
    async revive() {
      if (ended === undefined) return;
      reviving ??= service.restart().finally(() => {
        ended = undefined;
        reviving = undefined;
      });
      await reviving;
    },
    checkAlive() {
      if (ended !== undefined) throw new Violation(`The service ended: ${ended}`);
    },
  });

  const faults: string[] = [];
  const note = async (check: () => Promise<unknown>) => {
    try {
      await check();
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  };
  await note(() => left.checkEnds(scene));
  await note(async () => faults.push(...(await world.examine())));
  await note(() => checkHealth(service.origin));
  await note(() => waitUntil('The end of every connection', SETTLE_MS, () => hasFewSockets(service, before)));
  const after = processState(service.pid);
  if (before && after && after.megabytes > before.megabytes + MORE_MEGABYTES)
    faults.push(`the service grew from ${before.megabytes} to ${after.megabytes} MB`);
  if (ended !== undefined) faults.push(`the service ended: ${ended}`);
  const how = await service.stop();
  if (how !== 'exit code 0') faults.push(`after SIGTERM the service ended with ${how}`);
  faults.push(...faultsInLog(logFile, world.secrets));
  return { outcomes, faults, before, after };
}

function hasFewSockets(service: ServiceProcess, before: ProcessState | undefined): boolean {
  const now = processState(service.pid);
  return now === undefined || before === undefined || now.sockets <= before.sockets + MORE_SOCKETS;
}

async function checkHealth(origin: string): Promise<void> {
  for (const path of ['/healthz', '/readyz']) {
    const { status } = await fetch(origin + path);
    if (status !== 200) throw new Error(`${path} is answered with ${status}`);
  }
}
