import type { WorldSize } from '../world/seed.js';
import { allCpuPerMessage, answerP99, cpuPerMessage, messagesPerSecond } from './figures.js';
import { count, type Form, RAISED_REQUEST_RATES, type Scenario, sizesOf, world } from './scenario.js';

const CONNECTIONS = 16;
const QUICK_SIZE = 1000;

/** Sends to the hall, with more and more of something that should not matter to them. */
function growth(name: string, title: string, what: string, sizes: number[], worldOf: (size: number) => WorldSize) {
  const variants = (form: Form) =>
    sizesOf(form, { full: sizes, quick: QUICK_SIZE }).map((size) => {
      const { people, hallMessages } = worldOf(size);
      const { warmUpSeconds, seconds } = form;
      const work = { kind: 'sends-http' as const, people, hallMessages, inFlight: CONNECTIONS, warmUpSeconds, seconds };
      return { size, label: count(size, what), world: worldOf(size), work };
    });
  const figures = [cpuPerMessage, allCpuPerMessage, messagesPerSecond, answerP99];
  return {
    name,
    title,
    base: 'service',
    targets: ['service'],
    sizesAlike: true,
    raisedLimits: RAISED_REQUEST_RATES,
    variants,
    figures,
  } satisfies Scenario;
}

/** What a send must not cost more for: https://en.wikipedia.org/wiki/Empirical_algorithmics, by the exponent over three sizes. */
export const growthScenarios: Scenario[] = [
  growth(
    'growth-members',
    'Growth: sends to a chat of more members, none of them connected',
    'members',
    [100, 1000, 10_000],
    (hallMembers) => world({ hallMembers, people: Math.max(hallMembers, 1000) }),
  ),
  growth(
    'growth-chats',
    'Growth: sends to a chat beside more chats that nobody listens to',
    'other chats',
    [100, 1000, 10_000],
    (rooms) => world({ rooms }),
  ),
  growth(
    'growth-history',
    'Growth: sends to a chat with a longer history',
    'messages before',
    [1000, 30_000, 1_000_000],
    (hallMessages) => world({ hallMessages }),
  ),
];
