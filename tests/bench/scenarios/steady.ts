import { answerP50, answerP99, cpuPerMillionDeliveries, deliveryP50, deliveryP99 } from './figures.js';
import { count, type Form, type Scenario, sizesOf, type Variant, world } from './scenario.js';

/** Messages a second, of a chat of so many. */
const rateOf = (listeners: number) => (listeners < 1000 ? 30 : 20);

/** A p99 is of hundreds of messages: the others send as many in a tenth of the time. */
const TIMES_AS_LONG = 4;

/**
 * A process that has just started is not steady yet: V8 compiles what it sees often, and within 16 s it cleans up after the
 * start, which takes it a tenth of a second. For that three messages wait at a service that has much to clean, nearly half of
 * what a p99 leaves out.
 */
const WARMED_UP_AS_LONG = 10;

const figures = [deliveryP50, deliveryP99, answerP50, answerP99, cpuPerMillionDeliveries];

function variants(form: Form, sendOverHttp: boolean, sizes: { full: readonly number[]; quick: number }): Variant[] {
  return sizesOf(form, sizes).map((listeners) => ({
    size: listeners,
    label: `${count(listeners, 'listeners')}, ${rateOf(listeners)} messages/s`,
    world: world({}),
    work: {
      kind: 'steady',
      listeners,
      sendOverHttp,
      perSecond: rateOf(listeners),
      warmUpSeconds: WARMED_UP_AS_LONG * form.warmUpSeconds,
      seconds: TIMES_AS_LONG * form.seconds,
    },
  }));
}

export const steady: Scenario = {
  name: 'steady',
  title: `Steady: one chat at a fixed rate, ${TIMES_AS_LONG} times as long as the others; latency from the moment a message was due`,
  base: 'thin',
  targets: ['service', 'thin', 'socket.io'],
  sizesAlike: true,
  variants: (form) => variants(form, false, { full: [100, 1000], quick: 1000 }),
  figures,
};

export const steadyHttp: Scenario = {
  name: 'steady-http',
  title: 'Steady, a quiet chat: the same, sent over HTTP (GraphQL; plain JSON at the thin server)',
  base: 'plain',
  targets: ['service', 'plain', 'thin'],
  sizesAlike: true,
  variants: (form) => variants(form, true, { full: [100], quick: 100 }),
  figures,
};
