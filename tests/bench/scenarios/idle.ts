import { count, type Figure, type Scenario, sizesOf, world } from './scenario.js';

/** Time to tidy up after the upgrades, and to see what idling costs. */
const FULL_SECONDS = 15;
const QUICK_SECONDS = 2;

export const memoryPerSocket: Figure = {
  name: 'memory per socket',
  unit: 'KiB',
  better: 'less',
  of: ({ outcome, usage }) =>
    (usage('idle').residentBytes.after - usage('connect').residentBytes.before) / 1024 / outcome.connected,
};

/** Of a service that has just started, and that nobody talks to yet. */
export const memoryAtRest: Figure = {
  name: 'memory at rest',
  unit: 'MiB',
  better: 'less',
  of: ({ usage }) => usage('connect').residentBytes.before / 1024 / 1024,
};

export const connectsPerSecond: Figure = {
  name: 'connects per second',
  unit: '/s',
  better: 'more',
  of: ({ outcome, usage }) => outcome.connected / usage('connect').seconds,
};

const cpuPerConnect: Figure = {
  name: 'CPU per connect, service',
  unit: 'ms',
  better: 'less',
  of: ({ outcome, usage }) => (usage('connect').target / outcome.connected) * 1000,
};

const cpuWhileIdle: Figure = {
  name: 'CPU while idle, service',
  unit: 'ms/s',
  better: 'less',
  of: ({ usage }) => (usage('idle').target / usage('idle').seconds) * 1000,
};

export const idle: Scenario = {
  name: 'idle',
  title: 'Idle: authenticated sockets of one chat in which nobody speaks',
  base: 'socket.io',
  targets: ['service', 'socket.io', 'thin', 'ceiling'],
  variants: (form) =>
    sizesOf(form, { full: [1000, 3000, 10_000], quick: 1000 }).map((sockets) => ({
      size: sockets,
      label: count(sockets, 'sockets'),
      world: world({ people: sockets, hallMembers: sockets }),
      work: { kind: 'idle', sockets, seconds: form.name === 'quick' ? QUICK_SECONDS : FULL_SECONDS },
    })),
  figures: [memoryPerSocket, memoryAtRest, connectsPerSecond, cpuPerConnect, cpuWhileIdle],
};
