import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.js';

/** When, in milliseconds since the first fault may happen, to break what. */
export interface Step {
  atMs: number;
  fault: Fault;
}

/** Each at its time, and none before the one before it is mended: how long that takes is up to the machine. */
export type Sequence = readonly Step[];

/** What happens at the same time. */
export type Plan = readonly Sequence[];

/** `perform` breaks and mends. Resolves when every step has been taken and everything is whole again. */
export async function carryOut(plan: Plan, perform: (fault: Fault) => Promise<void>): Promise<void> {
  const begin = performance.now();
  await Promise.all(
    plan.map(async (sequence) => {
      for (const { atMs, fault } of sequence) {
        await sleep(Math.max(0, begin + atMs - performance.now()));
        await perform(fault);
      }
    }),
  );
}
