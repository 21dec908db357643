import {
  allCpuPerMessage,
  answerP99,
  cpuPerMessage,
  cpuPerMillionDeliveries,
  deliveriesPerSecond,
  deliveryP50,
  deliveryP99,
  loadBusy,
} from './figures.js';
import { count, type Form, RAISED_REQUEST_RATES, type Scenario, sizesOf, type Variant, world } from './scenario.js';

const SIZES = [100, 500, 1000];
const IN_FLIGHT = 8;

function variants(form: Form, sendOverHttp: boolean, sizes: readonly number[] = SIZES): Variant[] {
  const { warmUpSeconds, seconds } = form;
  return sizesOf(form, { full: sizes, quick: 500 }).map((listeners) => ({
    size: listeners,
    label: count(listeners, 'listeners'),
    world: world({}),
    work: { kind: 'fan-out', listeners, sendOverHttp, inFlight: IN_FLIGHT, warmUpSeconds, seconds },
  }));
}

const figures = [
  cpuPerMillionDeliveries,
  deliveriesPerSecond,
  cpuPerMessage,
  allCpuPerMessage,
  deliveryP50,
  deliveryP99,
  answerP99,
  loadBusy,
];

export const fanOutRaw: Scenario = {
  name: 'fanout-raw',
  title: 'Fan-out: one chat, 8 messages of 200 bytes under way, raw sockets',
  base: 'thin',
  targets: ['service', 'thin', 'socket.io', 'ceiling'],
  raisedLimits: { LIMIT_FRAMES_PER_SOCKET: 1000 },
  variants: (form) => variants(form, false),
  figures,
};

export const fanOutHttp: Scenario = {
  name: 'fanout-http',
  title:
    'Fan-out: one chat, 8 messages of 200 bytes under way, sent over HTTP (GraphQL; plain JSON at the thin server), raw sockets',
  base: 'plain',
  targets: ['service', 'plain', 'thin'],
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) => variants(form, true, [1000]),
  figures,
};

export const fanOutGraphql: Scenario = {
  name: 'fanout-graphql',
  title: 'Fan-out: one chat, 8 messages of 200 bytes under way, GraphQL subscriptions',
  base: 'mercurius',
  targets: ['service', 'mercurius'],
  listenOver: 'graphql',
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) => variants(form, true),
  figures,
};

/** Compare it with the same service's `fanout-http`, whose listeners are on raw sockets. */
export const fanOutSse: Scenario = {
  name: 'fanout-sse',
  title: 'Fan-out: one chat, 8 messages of 200 bytes under way, sent over HTTP, event streams',
  base: 'service',
  targets: ['service'],
  listenOver: 'event-stream',
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) => variants(form, true, [1000]),
  figures,
};
