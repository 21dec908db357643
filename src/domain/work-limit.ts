import { DomainError } from './errors.js';

interface WorkLimitOptions {
  /** How many tasks run at the same time. */
  parallel: number;
  /** How many more may wait; one more is refused. */
  maxWaiting: number;
}

/** Runs tasks a few at a time, in the order they came. */
export class WorkLimit {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly options: WorkLimitOptions) {}

  /** @throws DomainError `SERVICE_UNAVAILABLE` when too many tasks wait already; otherwise what the task throws. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    await this.enter();
    try {
      return await task();
    } finally {
      this.leave();
    }
  }

  private enter(): Promise<void> {
    if (this.running < this.options.parallel) {
      this.running += 1;
      return Promise.resolve();
    }
    if (this.waiting.length >= this.options.maxWaiting) return Promise.reject(overloaded());
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A place that becomes free goes to who waits longest, so that nobody overtakes. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.running -= 1;
  }
}

function overloaded(): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The service is busy. Please try again.', { retryAfterMs: 1000 });
}
