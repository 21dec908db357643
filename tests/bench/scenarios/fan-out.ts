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
import { count, type Form, type Scenario, sizesOf, type Variant, world } from './scenario.js';

const SIZES = [100, 500, 1000];
const IN_FLIGHT = 8;

function variants(form: Form, sendOverHttp: boolean): Variant[] {
  const { warmUpSeconds, seconds } = form;
  return sizesOf(form, { full: SIZES, quick: 500 }).map((listeners) => ({
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
  variants: (form) => variants(form, false),
  figures,
};

export const fanOutGraphql: Scenario = {
  name: 'fanout-graphql',
  title: 'Fan-out: one chat, 8 messages of 200 bytes under way, GraphQL subscriptions',
  base: 'mercurius',
  targets: ['service', 'mercurius'],
  overGraphql: true,
  variants: (form) => variants(form, true),
  figures,
};
