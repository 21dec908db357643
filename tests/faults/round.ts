import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Keeper } from '../support/keeper.js';
import type { PrivatePostgres } from '../support/private-postgres.js';
import type { PrivateRedis } from '../support/private-redis.js';
import { waitUntil } from '../support/wait-until.js';
import { changesByHand } from './change-by-hand.js';
import { check } from './checker.js';
import { BOUNDS } from './checks/bounds.js';
import { deliveriesDuring, type Latency, latencyOf } from './checks/latency.js';
import { Stories } from './checks/stories.js';
import type { Violation } from './checks/violation.js';
import type { InboxListener } from './clients/inbox-listener.js';
import type { Listener } from './clients/listener.js';
import { type Crowd, gatherCrowd } from './crowd.js';
import { countUnsummarised, readChats, readDatabase, readInboxes } from './database-state.js';
import { type Disturbable, FaultInjector } from './fault-injector.js';
import { readHistory } from './histories.js';
import { Journal, readJournal } from './journal.js';
import type { Plan } from './plan.js';
import { Random } from './random.js';
import { DEFAULT_LOAD, type Scenario, SERVICES } from './scenarios.js';
import { ServiceProcess } from './service-process.js';
import { TcpProxy } from './tcp-proxy.js';
import { UnreliableBus } from './unreliable-bus.js';
import type { Chat, World } from './world.js';

export interface Servers {
  keeper: Keeper;
  postgres: PrivatePostgres;
  redis: PrivateRedis;
  /** A migrated database in which the world was created. */
  template: string;
  world: World;
}

export interface RoundResult {
  scenario: string;
  seed: number;
  durationMs: number;
  /** Messages acknowledged. */
  sends: number;
  /** Changes of messages acknowledged. */
  changes: number;
  /** Messages and changes whose first attempt was not answered for good. */
  repeated: number;
  /** Changes seen by listeners. */
  deliveries: number;
  faults: number;
  /** From the acknowledgement to the listeners that no fault concerned. */
  latency: Latency;
  /** The same while Redis was away or lost messages: all chats, and the quiet one alone. */
  withoutBus: { all: Latency; quiet: Latency } | undefined;
  violations: Violation[];
  /** The longest time that this process's own event loop was blocked, in milliseconds. */
  ownDelayMs: number;
  /** Where the journal is; it stays when there are violations. */
  folder: string;
}

/** Before the first fault all clients are connected and send. Milliseconds. */
const WARM_UP_MS = 1000;
/** Sending goes on for this long after the last fault. */
const COOL_DOWN_MS = 1500;
const SUMMARY_POLL_MS = 200;

/** One scenario from a fresh database to the verdict. The same seed makes the same plan of faults. */
export async function runRound(
  servers: Servers,
  scenario: Scenario,
  seed: number,
  durationMs: number,
): Promise<RoundResult> {
  const { keeper, postgres } = servers;
  const random = new Random(seed);
  const plan = scenario.plan(random.fork(), durationMs);
  const folder = await keeper.folder('chat-api-faults');
  const database = `round_${seed}_${Date.now()}`;
  await postgres.query(`CREATE DATABASE "${database}" TEMPLATE "${servers.template}"`);
  const journal = new Journal(join(folder, 'journal.jsonl'));
  const ownDelay = monitorEventLoopDelay({ resolution: 10 });

  const usesBus = plan.flat().some(({ fault }) => fault.kind === 'disturb bus');
  const buses = Array.from({ length: usesBus ? SERVICES : 0 }, () => new UnreliableBus(random.fork()));
  const busProxies = await Promise.all(buses.map((bus) => TcpProxy.listen(servers.redis, bus.alteration)));
  const services = await Promise.all(
    Array.from({ length: SERVICES }, (_, service) =>
      ServiceProcess.start({
        keeper,
        folder,
        logFile: join(folder, `service-${service}.log`),
        environment: {
          DATABASE_URL: postgres.url(database),
          REDIS_URL: `redis://127.0.0.1:${(busProxies[service] ?? servers.redis).port}`,
        },
        onExit: (how) => journal.write({ type: 'service.exited', service, how }),
      }),
    ),
  );
  const load = { ...DEFAULT_LOAD, ...scenario.load };
  const ports = services.map(({ port }) => port);
  const crowd = await gatherCrowd({
    world: servers.world,
    load,
    ports,
    journal,
    random: random.fork(),
    changeByHand: changesByHand(postgres, database),
  });
  const disturbable: Disturbable[] = [...crowd.disturbable, ...crowd.inboxes.disturbable];
  const injector = new FaultInjector(
    { services, postgres, redis: servers.redis, buses, database, disturbable },
    journal,
  );

  ownDelay.enable();
  const present = [...crowd.steady, ...crowd.disturbable, ...crowd.guests];
  const inboxes = [...crowd.inboxes.disturbable, ...crowd.inboxes.steady];
  for (const listener of [...present, ...inboxes]) listener.start();
  await waitUntil(
    'The opening of every stream',
    30_000,
    () => present.every(({ seq }) => seq > 0) && inboxes.every(({ isIn }) => isIn),
  );
  for (const requester of [...crowd.senders, ...crowd.changers]) requester.start();
  for (const changes of crowd.membershipChanges) changes.start();
  await sleep(WARM_UP_MS);
  const late = [...crowd.latecomers, ...crowd.inboxes.latecomers];
  await Promise.all([injector.run(plan), startLate(late, random.fork(), durationMs)]);
  journal.write({ type: 'faults.over' });
  await sleep(COOL_DOWN_MS);
  await finish(crowd, stalledOf(disturbable, plan), journal, { postgres, database });
  ownDelay.disable();
  const { world } = servers;
  for (const chat of [...world.chats, world.quietChat, ...(load.inboxes ? world.inboxes.chats : [])])
    for (const [service, { origin }] of services.entries())
      journal.write({
        type: 'history',
        chat: chat.id,
        service,
        changes: await readHistory(origin, world.admin, chat),
      });

  for (const client of [...everybody(crowd), ...inboxesOf(crowd)]) client.stop();
  await Promise.all(services.map((service) => service.kill()));
  await Promise.all([...busProxies, ...disturbable.flatMap(({ proxy }) => proxy ?? [])].map((proxy) => proxy.close()));
  await journal.close();

  const state = await readDatabase(postgres, database);
  await writeFile(join(folder, 'database.json'), JSON.stringify(state));
  await postgres.query(`DROP DATABASE "${database}" WITH (FORCE)`);
  const entries = await readJournal(journal.path);
  const violations = check(entries, state);
  if (violations.length > 0) keeper.leave(folder);
  const stories = new Stories(entries, state);
  return {
    scenario: scenario.name,
    seed,
    durationMs,
    sends: entries.filter(({ type }) => type === 'send.acknowledged').length,
    changes: entries.filter(({ type }) => type === 'change.acknowledged').length,
    repeated: stories.requests.filter(({ attempts }) => attempts.length > 1).length,
    deliveries: entries.filter(({ type }) => type === 'stream.event' || type === 'inbox.event').length,
    faults: injector.count,
    latency: latencyOf(deliveriesDuring(stories, 0, Number.POSITIVE_INFINITY)),
    withoutBus: latencyWithoutBus(stories, world.quietChat),
    violations,
    ownDelayMs: ownDelay.max / 1e6,
    folder,
  };
}

/** Starts the latecomers during the faults, while messages are sent. */
async function startLate(
  latecomers: readonly { start: () => void }[],
  random: Random,
  durationMs: number,
): Promise<void> {
  await Promise.all(
    latecomers.map(async (listener) => {
      await sleep(random.next() * durationMs);
      listener.start();
    }),
  );
}

/** Waits until the last summaries of reactions are made; the checker finds one that never is. */
async function untilSummarised(count: () => Promise<number>): Promise<void> {
  const deadline = performance.now() + BOUNDS.catchUp;
  while ((await count()) > 0 && performance.now() < deadline) await sleep(SUMMARY_POLL_MS);
}

/** Waits until the last messages are answered, the guests are members again, and all listeners have had time to reach the head. */
async function finish(
  crowd: Crowd,
  stalled: ReadonlySet<Disturbable>,
  journal: Journal,
  { postgres, database }: { postgres: PrivatePostgres; database: string },
): Promise<void> {
  await Promise.all([
    ...[...crowd.senders, ...crowd.changers].map((requester) => requester.stop(BOUNDS.catchUp)),
    ...crowd.membershipChanges.map((changes) => changes.stop(BOUNDS.catchUp)),
  ]);
  await untilSummarised(() => countUnsummarised(postgres, database));
  const chats = await readChats(postgres, database);
  const heads = new Map(chats.map(({ id, lastSeq }) => [id, lastSeq]));
  const inboxes = inboxesOf(crowd);
  const headsOfInboxes = await readInboxes(
    postgres,
    database,
    inboxes.map(({ user }) => user.id),
  );
  const boundFor = (client: Disturbable) => BOUNDS.catchUp + (stalled.has(client) ? BOUNDS.tcpProbing : 0);
  await Promise.all([
    ...everybody(crowd).map(async (listener) => {
      const head = heads.get(listener.chat.id) ?? 0;
      await listener.reaches(head, boundFor(listener));
      journal.write({
        type: 'listener.finished',
        listener: listener.name,
        chat: listener.chat.id,
        seq: listener.seq,
        head,
      });
    }),
    ...inboxes.map(async (client) => {
      await client.reaches(headsOfInboxes.get(client.user.id) ?? new Map(), boundFor(client));
      journal.write({ type: 'inbox.finished', listener: client.name });
    }),
  ]);
}

function latencyWithoutBus(stories: Stories, quietChat: Chat): RoundResult['withoutBus'] {
  const faults = stories.faults.filter(({ target }) => target === 'redis' || target === 'bus');
  if (faults.length === 0) return undefined;
  const deliveries = faults.flatMap(({ beganAt, endedAt }) => deliveriesDuring(stories, beganAt, endedAt));
  return { all: latencyOf(deliveries), quiet: latencyOf(deliveries.filter(({ chat }) => chat === quietChat.id)) };
}

/** The listeners whose connections the plan stalls. */
function stalledOf(disturbable: readonly Disturbable[], plan: Plan): ReadonlySet<Disturbable> {
  const clients = plan.flat().flatMap(({ fault }) => (fault.kind === 'stall clients' ? fault.clients : []));
  return new Set(disturbable.filter((_, index) => clients.includes(index)));
}

function everybody({ steady, disturbable, guests, latecomers }: Crowd): Listener[] {
  return [...steady, ...disturbable, ...guests, ...latecomers];
}

function inboxesOf({ inboxes: { steady, disturbable, latecomers } }: Crowd): InboxListener[] {
  return [...steady, ...disturbable, ...latecomers];
}
