import type { PageFields } from '../load/job.js';
import type { Figure, Form, Scenario, Variant } from './scenario.js';
import { RAISED_REQUEST_RATES, world } from './scenario.js';

const CONNECTIONS = 8;
const FULL = { head: 1_000_000, depths: [0, 1000, 100_000, 900_000] };
const QUICK = { head: 20_000, depths: [0, 18_000] };

export const pagesPerSecond: Figure = {
  name: 'pages per second',
  unit: '/s',
  better: 'more',
  of: ({ outcome, usage }) => outcome.messages / usage('load').seconds,
};

export const pageP99: Figure = {
  name: 'page p99',
  unit: 'ms',
  better: 'less',
  of: ({ outcome }) => outcome.answer?.p99,
};

export const allCpuPerPage: Figure = {
  name: 'CPU per page, all processes',
  unit: 'ms',
  better: 'less',
  of: ({ outcome, usage }) => {
    const { target, postgres, redis } = usage('load');
    return ((target + postgres + redis) / outcome.messages) * 1000;
  },
};

const figures: Figure[] = [
  pagesPerSecond,
  allCpuPerPage,
  {
    name: 'CPU per page, service',
    unit: 'ms',
    better: 'less',
    of: ({ outcome, usage }) => (usage('load').target / outcome.messages) * 1000,
  },
  { name: 'page p50', unit: 'ms', better: 'less', of: ({ outcome }) => outcome.answer?.p50 },
  pageP99,
];

function variants(form: Form): Variant[] {
  const { head, depths } = form.name === 'quick' ? QUICK : FULL;
  const { warmUpSeconds, seconds } = form;
  const loop = { inFlight: CONNECTIONS, warmUpSeconds, seconds };
  const page = (depth: number, fields: PageFields): Variant => ({
    // A page at the head is of the history's first fifty.
    size: Math.max(depth, 50),
    label: `depth ${depth.toLocaleString('en')}${fields === 'plain' ? '' : `, ${fields}`}`,
    world: world({ hallMessages: head }),
    work: { kind: 'history', head, depth, fields, ...loop },
  });
  return [...depths.map((depth) => page(depth, 'plain')), page(0, 'with senders')];
}

export const history: Scenario = {
  name: 'history',
  title: `History: pages of 50 over HTTP (GraphQL; plain JSON at the thin server), ${CONNECTIONS} connections`,
  base: 'thin',
  targets: ['service', 'thin'],
  sizesAlike: true,
  raisedLimits: RAISED_REQUEST_RATES,
  variants,
  figures,
};

const EXTRAS_HEAD = 5000;

/** Pages of messages each of which is edited, a reply, a root of a thread, reacted to, pinned, and has mentions and metadata. */
export const historyExtras: Scenario = {
  name: 'history-extras',
  title: `History: pages of 50 over HTTP, all fields of a message asked for, ${CONNECTIONS} connections`,
  base: 'service',
  targets: ['service'],
  sizesAlike: true,
  raisedLimits: RAISED_REQUEST_RATES,
  variants: ({ warmUpSeconds, seconds }) =>
    ['none', 'every'].map((hallExtras) => ({
      size: 1,
      label: hallExtras === 'every' ? 'messages with every extra' : 'plain messages',
      world: world({ hallMessages: EXTRAS_HEAD, hallExtras: hallExtras === 'every' }),
      work: {
        ...{ kind: 'history', head: EXTRAS_HEAD, depth: 1000, fields: 'everything' },
        ...{ inFlight: CONNECTIONS, warmUpSeconds, seconds },
      },
    })),
  figures,
};
