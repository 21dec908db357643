import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.js';

/** The faults and their times, in milliseconds since the first possible fault. */
export interface Step {
  atMs: number;
  fault: Fault;
}

/** Faults in sequence: each at its time, but not before the previous one is repaired, which takes as long as the machine needs. */
export type Sequence = readonly Step[];

/** What happens at the same time. */
export type Plan = readonly Sequence[];

/** `perform` causes and repairs a fault. Resolves when every step was performed and all faults are repaired. */
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
