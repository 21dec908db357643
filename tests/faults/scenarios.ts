import type { Fault } from './faults.js';
import type { Plan, Sequence, Step } from './plan.js';
import type { Random } from './random.js';

export interface Scenario {
  name: string;
  /** The duration of the faults in the short and in the long form, in milliseconds. Scenarios without `shortMs` have no short form. */
  shortMs?: number;
  longMs: number;
  load?: Partial<Load>;
  /** Makes the plan. The same random numbers give the same plan. */
  plan: (random: Random, durationMs: number) => Plan;
}

/** The load: how many messages, to how many listeners. */
export interface Load {
  /** Of the world's chats, how many are used. */
  chats: number;
  /** Beside those that are disturbed, come late, or come and go. */
  listenersPerChat: number;
  /** Milliseconds between a sender's messages, on average. */
  pauseMs: number;
  /** Characters of a message. */
  contentLength: number;
  /** Whether the users of the world's inboxes listen to all of theirs, come and go. */
  inboxes: boolean;
}

/** About 150 messages a second, to some thirty listeners. */
export const DEFAULT_LOAD: Load = { chats: 3, listenersPerChat: 4, pauseMs: 40, contentLength: 40, inboxes: false };

export const SERVICES = 2;
/** Listeners of chats that are reached through a proxy, in every scenario; behind them come those of inboxes. */
export const DISTURBABLE_LISTENERS = 6;
export const DISTURBABLE_INBOXES = 3;
export const DISTURBABLE = DISTURBABLE_LISTENERS + DISTURBABLE_INBOXES;
/** The first of them are members for good, and get everything. */
const LASTING = DISTURBABLE_LISTENERS + 1;

/** A fault, and how long it takes together with the rest after it, in which everything has to go on. */
interface Turn {
  fault: Fault;
  takesMs: number;
}

/** One after the other, at least one. */
function inTurn(durationMs: number, next: (index: number) => Turn): Sequence {
  const steps: Step[] = [];
  let atMs = 0;
  for (let index = 0; ; index += 1) {
    const { fault, takesMs } = next(index);
    if (steps.length > 0 && atMs + takesMs > durationMs) return steps;
    steps.push({ atMs, fault });
    atMs += takesMs;
  }
}

function serviceKilled(random: Random): Turn {
  return {
    fault: { kind: 'kill service', service: random.int(0, SERVICES), forMs: random.int(0, 500) },
    takesMs: 3000,
  };
}

function postgresCrashed(random: Random): Turn {
  const forMs = random.int(200, 2500);
  return { fault: { kind: 'crash postgres', forMs }, takesMs: forMs + 3500 };
}

function backendsTerminated(): Turn {
  return { fault: { kind: 'terminate backends' }, takesMs: 2500 };
}

/** Connections stay open without an answer, for longer than a send may take. */
function postgresFrozen(random: Random): Turn {
  const forMs = random.int(6000, 9000);
  return { fault: { kind: 'freeze postgres', forMs }, takesMs: forMs + 3500 };
}

/** It holds back up to where a position over all chats can say that everything is there. */
function transactionHeld(): Turn {
  return { fault: { kind: 'hold transaction', forMs: 2000 }, takesMs: 3000 };
}

function redisKilled(random: Random): Turn {
  const forMs = random.int(2000, 4000);
  return { fault: { kind: 'kill redis', forMs }, takesMs: forMs + 2000 };
}

/** Longer than the service waits for a silent connection. */
function redisFrozen(random: Random): Turn {
  const forMs = random.int(4000, 6000);
  return { fault: { kind: 'freeze redis', forMs }, takesMs: forMs + 2000 };
}

function unreliableBus(forMs: number): Fault {
  return { kind: 'disturb bus', disturbance: { loss: 0.3, repetition: 0.1, delay: 0.3 }, forMs };
}

function clientFault(random: Random): Turn {
  const clients = some(random, DISTURBABLE);
  if (random.chance(0.5)) return { fault: { kind: 'cut clients', clients }, takesMs: random.int(300, 900) };
  const forMs = random.int(1000, 2500);
  return {
    fault: { kind: 'slow clients', clients, bytesPerSecond: random.int(2000, 20_000), forMs },
    takesMs: forMs + 300,
  };
}

export const scenarios: readonly Scenario[] = [
  { name: 'calm', longMs: 5000, plan: () => [] },
  {
    name: 'services killed',
    shortMs: 9000,
    longMs: 30_000,
    // Some messages are nearly always in flight, so that every kill loses answers.
    load: { pauseMs: 20 },
    plan: (random, durationMs) => [inTurn(durationMs, () => serviceKilled(random))],
  },
  {
    name: 'postgres crashed',
    shortMs: 10_000,
    longMs: 30_000,
    load: { pauseMs: 20 },
    plan: (random, durationMs) => [
      inTurn(durationMs, (index) => (index % 3 === 1 ? backendsTerminated() : postgresCrashed(random))),
    ],
  },
  {
    name: 'postgres frozen',
    shortMs: 8000,
    longMs: 30_000,
    load: { pauseMs: 20 },
    plan: (random, durationMs) => [inTurn(durationMs, () => postgresFrozen(random))],
  },
  {
    name: 'redis killed',
    shortMs: 5000,
    longMs: 20_000,
    plan: (random, durationMs) => [inTurn(durationMs, () => redisKilled(random))],
  },
  {
    name: 'redis frozen',
    shortMs: 8000,
    longMs: 20_000,
    plan: (random, durationMs) => [inTurn(durationMs, () => redisFrozen(random))],
  },
  {
    name: 'redis clients cut',
    shortMs: 4000,
    longMs: 15_000,
    plan: (_random, durationMs) => [
      [{ atMs: 0, fault: { kind: 'cut redis clients', everyMs: 500, forMs: durationMs } }],
    ],
  },
  {
    name: 'bus unreliable',
    shortMs: 5000,
    longMs: 20_000,
    plan: (_random, durationMs) => [[{ atMs: 0, fault: unreliableBus(durationMs) }]],
  },
  {
    name: 'clients cut and slowed',
    shortMs: 5000,
    longMs: 20_000,
    plan: (random, durationMs) => [inTurn(durationMs, () => clientFault(random))],
  },
  {
    name: 'clients stalled',
    shortMs: 17_000,
    longMs: 20_000,
    // A socket is stalled once its buffers are full: a few mebibytes in the kernels' and one in the service. How soon 600
    // messages of 12 kB are written is up to the machine.
    load: { chats: 1, contentLength: 4000 },
    plan: (random, durationMs) => [
      [
        {
          atMs: 0,
          fault: { kind: 'stall clients', clients: some(random, LASTING), fillMessages: 600, forMs: durationMs },
        },
      ],
    ],
  },
  {
    name: 'inboxes',
    shortMs: 8000,
    longMs: 40_000,
    load: { chats: 1, listenersPerChat: 1, pauseMs: 250, inboxes: true },
    plan: (random, durationMs) => [
      inTurn(durationMs, (index) =>
        index % 2 === 0 ? transactionHeld() : random.pick([postgresCrashed, backendsTerminated])(random),
      ),
      inTurn(durationMs, () => random.pick([serviceKilled, redisKilled])(random)),
      inTurn(durationMs, () => clientFault(random)),
    ],
  },
  {
    name: 'everything at once',
    shortMs: 9000,
    longMs: 40_000,
    plan: (random, durationMs) => [
      inTurn(durationMs, () =>
        random.pick([serviceKilled, postgresCrashed, backendsTerminated, transactionHeld])(random),
      ),
      inTurn(durationMs, () => random.pick([redisKilled, redisFrozen])(random)),
      inTurn(durationMs, () => clientFault(random)),
      [{ atMs: 0, fault: unreliableBus(durationMs) }],
    ],
  },
];

/** At least one, and at most half, of the indices below `count`. */
function some(random: Random, count: number): number[] {
  const indices = Array.from({ length: count }, (_, index) => index);
  const chosen = new Set<number>();
  const wanted = random.int(1, count / 2 + 1);
  while (chosen.size < wanted) chosen.add(random.pick(indices));
  return [...chosen].sort((a, b) => a - b);
}
