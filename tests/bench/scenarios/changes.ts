import { allCpuPerMessage, answerP50, answerP99, cpuPerMessage, messagesPerSecond } from './figures.js';
import { RAISED_REQUEST_RATES, type Scenario, world } from './scenario.js';

const CONNECTIONS = 16;
/** The first is what the others are compared with. */
const CHANGES = ['send', 'edit', 'delete', 'pin'] as const;

export const changes: Scenario = {
  name: 'changes',
  title: `Changes over HTTP: sends, and edits, deletions and pins of messages that are there, ${CONNECTIONS} connections, a chat for each, nobody listens`,
  base: 'service',
  targets: ['service'],
  sizesAlike: true,
  raisedLimits: RAISED_REQUEST_RATES,
  variants: ({ warmUpSeconds, seconds }) =>
    CHANGES.map((change) => ({
      size: 1,
      label: `${change}s`,
      world: world({}),
      work: { kind: 'changes', change, people: world({}).people, inFlight: CONNECTIONS, warmUpSeconds, seconds },
    })),
  figures: [allCpuPerMessage, cpuPerMessage, messagesPerSecond, answerP50, answerP99],
};
