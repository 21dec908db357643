import {
  allCpuPerMessage,
  cpuPerMessage,
  cpuPerMillionDeliveries,
  deliveriesPerSecond,
  deliveryP50,
  deliveryP99,
  messagesPerSecond,
} from '../scenarios/figures.js';
import { allCpuPerPage, pageP99, pagesPerSecond } from '../scenarios/history.js';
import { connectsPerSecond, memoryAtRest, memoryPerSocket } from '../scenarios/idle.js';
import { untilAllAreLive } from '../scenarios/resume.js';
import type { Figure } from '../scenarios/scenario.js';
import type { TargetName } from '../targets/target.js';
import { targets } from '../targets/targets.js';
import { threeDigits } from './number.js';
import type { ScenarioResult } from './results.js';

/** What this service has to reach in a scenario, at the largest size that was measured unless it says otherwise. */
interface Goal {
  scenario: string;
  what: string;
  atMost?: number;
  atLeast?: number;
  /** Undefined when it was not measured. */
  measured(result: ScenarioResult): number | undefined;
}

type Bound = { atMost: number } | { atLeast: number };

export interface GoalResult {
  scenario: string;
  what: string;
  wanted: string;
  measured: string;
  reached: boolean;
}

const SEVENTH = 1 / 7;
/** An exponent this far from 0 is flat, with what one run differs from the next. */
const FLAT = 0.1;

const goals: readonly Goal[] = [
  ratio('fanout-raw', cpuPerMillionDeliveries, 'thin', { atMost: SEVENTH }),
  ratio('fanout-raw', cpuPerMillionDeliveries, 'socket.io', { atMost: 0.1 }),
  ratio('fanout-raw', cpuPerMillionDeliveries, 'ceiling', { atMost: 1.5 }),
  ratio('fanout-raw', deliveriesPerSecond, 'thin', { atLeast: 5 }),
  // Of sends over HTTP, beside a thin server that does not number its messages.
  ratio('fanout-http', cpuPerMillionDeliveries, 'plain', { atMost: SEVENTH }),
  ratio('fanout-http', deliveriesPerSecond, 'plain', { atLeast: 5 }),
  ratio('fanout-graphql', cpuPerMillionDeliveries, 'mercurius', { atMost: 0.25 }),
  ratio('sends-http', messagesPerSecond, 'thin', { atLeast: 1.5 }),
  ratio('sends-http', cpuPerMessage, 'thin', { atMost: 0.8 }),
  ratio('sends-crowd', messagesPerSecond, 'plain', { atLeast: 1.5 }),
  ratio('sends-crowd', cpuPerMessage, 'plain', { atMost: 0.8 }),
  ratio('sends-raw', cpuPerMessage, 'thin', { atMost: 0.5 }),
  ratio('many-chats', messagesPerSecond, 'thin', { atLeast: 1.6 }),
  ratio('many-chats', messagesPerSecond, 'socket.io', { atLeast: 2 }),
  ratio('many-chats', allCpuPerMessage, 'thin', { atMost: 0.55 }),
  ratio('many-chats', deliveryP99, 'thin', { atMost: 1 }),
  ratio('many-chats-http', messagesPerSecond, 'plain', { atLeast: 1.6 }),
  ratio('many-chats-http', allCpuPerMessage, 'plain', { atMost: 0.55 }),
  ratio('steady-http', deliveryP50, 'plain', { atMost: 1 }),
  worstRatio('steady', deliveryP50, 'thin', { atMost: 1 }),
  worstRatio('steady', deliveryP99, 'thin', { atMost: 1 }),
  ratio('idle', memoryPerSocket, 'socket.io', { atMost: 0.6 }),
  ratio('idle', connectsPerSecond, 'socket.io', { atLeast: 1 }),
  {
    scenario: 'idle',
    what: `${memoryAtRest.name}, ${memoryAtRest.unit}, every size`,
    atMost: 130,
    measured: (result) => {
      const measured = result.variants.flatMap((variant) => result.cell(memoryAtRest, variant, 'service') ?? []);
      return measured.length > 0 ? Math.max(...measured.map(({ max }) => max)) : undefined;
    },
  },
  worstRatio('history', pagesPerSecond, 'thin', { atLeast: 0.85 }),
  {
    scenario: 'history',
    what: 'page p99 at the greatest depth, to depth 0',
    atMost: 1.1,
    measured: (result) => {
      const pages = result.variants.filter(({ work }) => work.kind === 'history' && work.fields === 'plain');
      const [first, last] = [pages.at(0), pages.at(-1)];
      return first && last && result.ratioOfSizes(pageP99, 'service', last, first);
    },
  },
  {
    scenario: 'history-extras',
    what: `${allCpuPerPage.name}: with every extra, to plain messages`,
    atMost: 1.6,
    measured: (result) => {
      const [plain, extras] = result.variants;
      return plain && extras && result.ratioOfSizes(allCpuPerPage, 'service', extras, plain);
    },
  },
  changeGoal('edit'),
  changeGoal('delete'),
  changeGoal('pin'),
  {
    scenario: 'resume',
    what: 'seconds until all are live',
    atMost: 3,
    measured: (result) => {
      const variant = result.variants.at(-1);
      return variant && result.cell(untilAllAreLive, variant, 'service')?.max;
    },
  },
  growth('fanout-raw', 'listeners', cpuPerMillionDeliveries),
  growth('many-chats', 'chats', allCpuPerMessage),
  growth('growth-members', 'members who are not connected', cpuPerMessage),
  growth('growth-chats', 'chats without listeners', cpuPerMessage),
  growth('growth-history', 'length of the history', cpuPerMessage),
];

/** What became of the goals whose scenarios were measured with the targets that they name. */
export function judge(results: readonly ScenarioResult[]): GoalResult[] {
  return results.flatMap((result) =>
    goals
      .filter(({ scenario }) => scenario === result.scenario.name)
      .flatMap(({ scenario, what, atMost, atLeast, measured }) => {
        const value = measured(result);
        if (value === undefined || Number.isNaN(value)) return [];
        const wanted = atMost === undefined ? `≥ ${threeDigits(atLeast ?? 0)}` : `≤ ${threeDigits(atMost)}`;
        const reached = atMost === undefined ? value >= (atLeast ?? 0) : value <= atMost;
        return [{ scenario, what, wanted, measured: threeDigits(value), reached }];
      }),
  );
}

/** At the largest size. */
function ratio(scenario: string, figure: Figure, to: TargetName, bound: Bound): Goal {
  const measured = (result: ScenarioResult) => result.ratios(figure, 'service', to).at(-1);
  return { scenario, what: `${figure.name}, to ${targets[to].title}`, measured, ...bound };
}

/** At every size. */
function worstRatio(scenario: string, figure: Figure, to: TargetName, bound: Bound): Goal {
  const worst = 'atMost' in bound ? Math.max : Math.min;
  const measured = (result: ScenarioResult) => {
    const ratios = result.ratios(figure, 'service', to);
    return ratios.length > 0 ? worst(...ratios) : undefined;
  };
  return { scenario, what: `${figure.name}, to ${targets[to].title}, every size`, measured, ...bound };
}

function growth(scenario: string, what: string, figure: Figure): Goal {
  const measured = (result: ScenarioResult) => result.exponent(figure, 'service');
  return { scenario, what: `power with which ${figure.name} grows with ${what}`, atMost: FLAT, measured };
}

/** A change beside a send, in the same turn. */
function changeGoal(change: 'edit' | 'delete' | 'pin'): Goal {
  return {
    scenario: 'changes',
    what: `${allCpuPerMessage.name}: ${change}s, to sends`,
    atMost: 1.3,
    measured: (result) => {
      const of = (wanted: string) =>
        result.variants.find(({ work }) => work.kind === 'changes' && work.change === wanted);
      const [changed, sent] = [of(change), of('send')];
      return changed && sent && result.ratioOfSizes(allCpuPerMessage, 'service', changed, sent);
    },
  };
}
