import { setTimeout as sleep } from 'node:timers/promises';
import { person } from '../../world/identities.js';
import { type Assembly, assembleHall, dismiss } from '../crowd.js';
import { openSenders } from '../http-sender.js';
import type { Work } from '../job.js';
import type { Run } from '../run.js';

type Steady = Extract<Work, { kind: 'steady' }>;

/** Timers are late by a millisecond or more; the last moments before a message is due are waited out awake. */
const AWAKE_MS = 2;

/** The hall at a fixed rate. A message counts from the moment at which it was due, not from when we came to send it. */
export async function steady(run: Run, { listeners, sendOverHttp, perSecond, warmUpSeconds, seconds }: Steady) {
  const hall = await run.watched(assembleHall(run, listeners, 0));
  const { say, close } = sendOverHttp ? overHttp(run, hall, perSecond) : overSockets(hall);
  await run.watched(atRate(say, perSecond, warmUpSeconds));
  await run.measure('load', () => atRate(say, perSecond, seconds));
  dismiss(run, [hall]);
  close();
}

type Say = (index: number, dueAt: number) => Promise<void> | undefined;

function overSockets({ members }: Assembly): { say: Say; close(): void } {
  return { say: (index, dueAt) => members[index % members.length]?.say(dueAt), close: () => {} };
}

/** Each connection's turn comes once a second. One whose last message is not over yet sends late, which counts as latency. */
function overHttp(run: Run, { ledger }: Assembly, perSecond: number): { say: Say; close(): void } {
  const { senders, close } = openSenders(run.target, perSecond);
  const lanes = senders.map((sender, index) => ({ sender, person: person(index), last: Promise.resolve() }));
  const say: Say = (index, dueAt) => {
    const lane = lanes[index % lanes.length];
    if (!lane) return undefined;
    lane.last = lane.last
      .then(() => lane.sender.say(ledger, lane.person, dueAt))
      .catch((error: Error) => run.tally.invalidate(error.message));
    return lane.last;
  };
  return { say, close };
}

async function atRate(say: Say, perSecond: number, seconds: number): Promise<void> {
  const startAt = performance.now();
  const count = Math.ceil(perSecond * seconds);
  const settled: (Promise<void> | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueAt = startAt + (index * 1000) / perSecond;
    await until(dueAt);
    settled.push(say(index, dueAt));
  }
  await Promise.all(settled);
}

async function until(moment: number): Promise<void> {
  const wait = moment - performance.now() - AWAKE_MS;
  if (wait > 0) await sleep(wait);
  while (performance.now() < moment) await new Promise((resolve) => setImmediate(resolve));
}
