import type { Figure } from './scenario.js';

/** Of the phase in which the load runs. */
const LOAD = 'load';

export const cpuPerMillionDeliveries: Figure = {
  name: 'CPU per million deliveries, service',
  unit: 's',
  better: 'less',
  of: ({ outcome, usage }) => (usage(LOAD).target / outcome.deliveries) * 1e6,
};

export const cpuPerMessage: Figure = {
  name: 'CPU per message, service',
  unit: 'ms',
  better: 'less',
  of: ({ outcome, usage }) => (usage(LOAD).target / outcome.messages) * 1000,
};

export const allCpuPerMessage: Figure = {
  name: 'CPU per message, all processes',
  unit: 'ms',
  better: 'less',
  of: ({ outcome, usage }) => {
    const { target, postgres, redis } = usage(LOAD);
    return ((target + postgres + redis) / outcome.messages) * 1000;
  },
};

export const deliveriesPerSecond: Figure = {
  name: 'deliveries per second',
  unit: '/s',
  better: 'more',
  of: ({ outcome, usage }) => outcome.deliveries / usage(LOAD).seconds,
};

export const messagesPerSecond: Figure = {
  name: 'messages per second',
  unit: '/s',
  better: 'more',
  of: ({ outcome, usage }) => outcome.messages / usage(LOAD).seconds,
};

export const deliveryP50: Figure = {
  name: 'delivery p50',
  unit: 'ms',
  better: 'less',
  of: ({ outcome }) => outcome.delivery?.p50,
};

export const deliveryP99: Figure = {
  name: 'delivery p99',
  unit: 'ms',
  better: 'less',
  of: ({ outcome }) => outcome.delivery?.p99,
};

export const answerP50: Figure = {
  name: 'acknowledgement p50',
  unit: 'ms',
  better: 'less',
  of: ({ outcome }) => outcome.answer?.p50,
};

export const answerP99: Figure = {
  name: 'acknowledgement p99',
  unit: 'ms',
  better: 'less',
  of: ({ outcome }) => outcome.answer?.p99,
};

/** How busy the load's own process was: at 100 % it measures itself, and rates are at least what it says. */
export const loadBusy: Figure = {
  name: 'load process busy',
  unit: '%',
  better: 'less',
  of: ({ usage }) => (usage(LOAD).load / usage(LOAD).seconds) * 100,
};
