import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Outcome, TargetAddress } from './job.js';
import { InvalidRun, Tally } from './tally.js';

/** Nothing at all has come for so long: something is missing. */
const STALL_MS = 10_000;

/** One job in its process: what it counts, and where its phases begin and end. */
export class Run {
  readonly tally = new Tally();
  readonly target: TargetAddress;
  private readonly work: Job['work'];

  constructor(
    job: Job,
    /** Tells the one who reads the meters; resolves when they are read. */
    private readonly mark: (phase: string, edge: 'begin' | 'end') => Promise<void>,
    private readonly stallMs = STALL_MS,
  ) {
    this.target = job.target;
    this.work = job.work;
  }

  /** Measures one phase, during which something has to happen all the time. */
  async measure(phase: string, work: () => Promise<void>): Promise<void> {
    await this.mark(phase, 'begin');
    this.tally.restart();
    await this.watched(work());
    await this.mark(phase, 'end');
  }

  /** Measures so many seconds in which nothing happens, and nobody leaves. */
  async measureQuiet(phase: string, seconds: number): Promise<void> {
    await this.mark(phase, 'begin');
    await Promise.race([sleep(seconds * 1000), this.tally.invalid]);
    await this.mark(phase, 'end');
  }

  /** Rejects when the run turns out invalid, or stands still. */
  async watched<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_resolve, reject) => {
      timer = setInterval(() => {
        if (!this.tally.hasProgressed())
          reject(new InvalidRun(`${this.work.kind}: nothing came for ${this.stallMs / 1000} s; a message is missing.`));
      }, this.stallMs);
    });
    try {
      return await Promise.race([work, stalled, this.tally.invalid]);
    } finally {
      clearInterval(timer);
    }
  }

  outcome(): Outcome {
    return this.tally.outcome();
  }
}
