import type { Step } from './faults.js';
import type { Random } from './random.js';

export interface Scenario {
  name: string;
  /** How long things are broken: in the short form, and in a round of the long one. Milliseconds. */
  shortMs: number;
  longMs: number;
  load?: Partial<Load>;
  /** The same steps for the same random numbers. */
  plan: (random: Random, durationMs: number) => Step[];
}

/** How much is said, and to how many. */
export interface Load {
  /** Of the world's chats, how many are used. */
  chats: number;
  /** Beside those that are disturbed, come late, or come and go. */
  listenersPerChat: number;
  /** Milliseconds between a sender's messages, on average. */
  pauseMs: number;
  /** Characters of a message. */
  contentLength: number;
}

/** About 150 messages a second, to some thirty listeners. */
export const DEFAULT_LOAD: Load = { chats: 3, listenersPerChat: 6, pauseMs: 40, contentLength: 40 };

export const SERVICES = 2;
/** Listeners that are reached through a proxy, in every scenario. */
export const DISTURBABLE = 6;

/** One after the other, each with a rest after it in which everything has to go on. */
function inTurn(durationMs: number, next: (index: number) => { fault: Step['fault']; takesMs: number }): Step[] {
  const steps: Step[] = [];
  let atMs = 0;
  for (let index = 0; ; index += 1) {
    const { fault, takesMs } = next(index);
    if (steps.length > 0 && atMs + takesMs > durationMs) return steps;
    steps.push({ atMs, fault });
    atMs += takesMs;
  }
}

export const scenarios: readonly Scenario[] = [
  { name: 'calm', shortMs: 2000, longMs: 5000, plan: () => [] },
  {
    name: 'services killed',
    shortMs: 9000,
    longMs: 30_000,
    plan: (random, durationMs) =>
      inTurn(durationMs, () => ({
        fault: { kind: 'kill service', service: random.int(0, SERVICES), forMs: random.int(0, 500) },
        takesMs: 3000,
      })),
  },
  {
    name: 'postgres crashed',
    shortMs: 10_000,
    longMs: 30_000,
    plan: (random, durationMs) =>
      inTurn(durationMs, (index) => {
        // The rest is for the start, and for the two seconds within which all has to go on.
        if (index % 3 === 1) return { fault: { kind: 'terminate backends' }, takesMs: 2500 };
        const forMs = random.int(200, 2500);
        return { fault: { kind: 'crash postgres', forMs }, takesMs: forMs + 3500 };
      }),
  },
  {
    name: 'redis killed',
    shortMs: 6000,
    longMs: 20_000,
    plan: (random, durationMs) =>
      inTurn(durationMs, () => {
        const forMs = random.int(2000, 4000);
        return { fault: { kind: 'kill redis', forMs }, takesMs: forMs + 2000 };
      }),
  },
  {
    name: 'redis frozen',
    shortMs: 8000,
    longMs: 20_000,
    plan: (random, durationMs) =>
      inTurn(durationMs, () => {
        // Longer than the time after which the service gives up a connection that is silent.
        const forMs = random.int(4000, 6000);
        return { fault: { kind: 'freeze redis', forMs }, takesMs: forMs + 2000 };
      }),
  },
  {
    name: 'redis clients cut',
    shortMs: 5000,
    longMs: 15_000,
    plan: (_random, durationMs) => [{ atMs: 0, fault: { kind: 'cut redis clients', everyMs: 500, forMs: durationMs } }],
  },
  {
    name: 'bus unreliable',
    shortMs: 6000,
    longMs: 20_000,
    plan: (_random, durationMs) => [
      {
        atMs: 0,
        fault: { kind: 'disturb bus', disturbance: { loss: 0.3, repetition: 0.1, delay: 0.3 }, forMs: durationMs },
      },
    ],
  },
  {
    name: 'clients cut and slowed',
    shortMs: 7000,
    longMs: 20_000,
    plan: (random, durationMs) =>
      inTurn(durationMs, (index) => {
        const clients = some(random, DISTURBABLE);
        if (index % 2 === 0) return { fault: { kind: 'cut clients', clients }, takesMs: random.int(300, 900) };
        const forMs = random.int(1000, 2500);
        const bytesPerSecond = random.int(2000, 20_000);
        return { fault: { kind: 'slow clients', clients, bytesPerSecond, forMs }, takesMs: forMs + 300 };
      }),
  },
  {
    name: 'clients stalled',
    shortMs: 18_000,
    longMs: 20_000,
    // A socket is stalled once its buffers are full: a few mebibytes in the kernels' and one in the service.
    load: { chats: 1, listenersPerChat: 2, contentLength: 4000 },
    plan: (random, durationMs) => [
      { atMs: 0, fault: { kind: 'stall clients', clients: some(random, DISTURBABLE), forMs: durationMs } },
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
