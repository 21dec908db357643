import { cpuSeconds, cpuSecondsWithChildren, residentBytes } from './process-usage.js';

/** What one phase of a round cost, in seconds of CPU unless it says otherwise. */
export interface Usage {
  seconds: number;
  target: number;
  postgres: number;
  redis: number;
  load: number;
  /** Of the target, before and after. */
  residentBytes: { before: number; after: number };
}

interface Processes {
  target: number;
  postgres: number;
  redis: number;
  load: number;
}

type Reading = Omit<Usage, 'residentBytes'> & { resident: number };

/** Reads what the processes of a round have used, at the edges of its phases. */
export class Meter {
  private begun: { phase: string; reading: Reading } | undefined;
  private readonly phases = new Map<string, Usage>();

  constructor(private readonly processes: Processes) {}

  mark(phase: string, edge: 'begin' | 'end'): void {
    const reading = this.read();
    if (edge === 'begin') {
      this.begun = { phase, reading };
      return;
    }
    const { begun } = this;
    if (begun?.phase !== phase) throw new Error(`The phase "${phase}" ends and has not begun.`);
    const { reading: before } = begun;
    this.phases.set(phase, {
      seconds: reading.seconds - before.seconds,
      target: reading.target - before.target,
      postgres: reading.postgres - before.postgres,
      redis: reading.redis - before.redis,
      load: reading.load - before.load,
      residentBytes: { before: before.resident, after: reading.resident },
    });
  }

  /** @throws Error when there was no such phase. */
  usage(phase: string): Usage {
    const usage = this.phases.get(phase);
    if (!usage) throw new Error(`There was no phase "${phase}".`);
    return usage;
  }

  private read(): Reading {
    const { target, postgres, redis, load } = this.processes;
    return {
      seconds: performance.now() / 1000,
      target: cpuSeconds(target),
      postgres: cpuSecondsWithChildren(postgres),
      redis: cpuSeconds(redis),
      load: cpuSeconds(load),
      resident: residentBytes(target),
    };
  }
}
