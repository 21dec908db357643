import { cpuPerMillionDeliveries } from './figures.js';
import { count, type Figure, type Scenario, sizesOf, world } from './scenario.js';

const BEHIND = 500;

export const untilAllAreLive: Figure = {
  name: 'until all are live',
  unit: 's',
  better: 'less',
  of: ({ usage }) => usage('load').seconds,
};

export const resume: Scenario = {
  name: 'resume',
  title: `Resume: everybody comes back at once, each ${BEHIND} messages behind`,
  base: 'service',
  targets: ['service'],
  variants: (form) =>
    sizesOf(form, { full: [250, 500, 1000], quick: 250 }).map((clients) => ({
      size: clients,
      label: count(clients, 'clients'),
      world: world({ hallMessages: 600 }),
      work: { kind: 'resume', clients, behind: BEHIND, head: 600 },
    })),
  figures: [
    untilAllAreLive,
    cpuPerMillionDeliveries,
    {
      name: 'CPU, all processes',
      unit: 's',
      better: 'less',
      of: ({ usage }) => usage('load').target + usage('load').postgres + usage('load').redis,
    },
  ],
};
