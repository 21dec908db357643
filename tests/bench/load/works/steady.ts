import { setTimeout as sleep } from 'node:timers/promises';
import { assembleHall, dismiss } from '../crowd.js';
import type { Work } from '../job.js';
import type { Member } from '../member.js';
import type { Run } from '../run.js';

type Steady = Extract<Work, { kind: 'steady' }>;

/** Timers are late by a millisecond or more; the last moments before a message is due are waited out awake. */
const AWAKE_MS = 2;

/** The hall at a fixed rate. A message counts from the moment at which it was due, not from when we came to send it. */
export async function steady(run: Run, { listeners, perSecond, warmUpSeconds, seconds }: Steady) {
  const hall = await run.watched(assembleHall(run, listeners, 0));
  await run.watched(atRate(hall.members, perSecond, warmUpSeconds));
  await run.measure('load', () => atRate(hall.members, perSecond, seconds));
  dismiss(run, [hall]);
}

async function atRate(members: readonly Member[], perSecond: number, seconds: number): Promise<void> {
  const startAt = performance.now();
  const count = Math.ceil(perSecond * seconds);
  const settled: (Promise<void> | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueAt = startAt + (index * 1000) / perSecond;
    await until(dueAt);
    settled.push(members[index % members.length]?.say(dueAt));
  }
  await Promise.all(settled);
}

async function until(moment: number): Promise<void> {
  const wait = moment - performance.now() - AWAKE_MS;
  if (wait > 0) await sleep(wait);
  while (performance.now() < moment) await new Promise((resolve) => setImmediate(resolve));
}
