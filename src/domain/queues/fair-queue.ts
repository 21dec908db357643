import { serviceBusy } from '../errors.js';
import { FairSlots } from './fair-slots.js';

export interface FairQueueOptions {
  /** How many tasks run at the same time; of one key, one. */
  parallel: number;
  /** How many more tasks may wait. A key may have no more of these places than are left free. */
  maxWaiting: number;
  /** How many tasks of one key may wait. */
  maxWaitingPerKey: number;
  /** How long a caller waits for its task to end, from the call of `run`, in milliseconds. */
  timeoutMs: number;
}

/** Runs tasks a few at a time. Keys take turns, and no two tasks of one key run at the same time. */
export class FairQueue {
  private readonly slots: FairSlots;
  private readonly timeoutMs: number;

  constructor({ parallel, maxWaiting, maxWaitingPerKey, timeoutMs }: FairQueueOptions) {
    const limits = { perOwner: 1, total: parallel, waitingPerOwner: maxWaitingPerKey, waiting: maxWaiting };
    this.slots = new FairSlots(limits, serviceBusy);
    this.timeoutMs = timeoutMs;
  }

  /**
   * After the timeout, a task that has begun runs to its end without its caller, and one that has not begun never runs.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many tasks wait, or after `timeoutMs`; otherwise what the task throws.
   */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const { granted, release } = this.slots.take(key);
    return new Promise((resolve, reject) => {
      let hasBegun = false;
      const timer = setTimeout(() => {
        if (!hasBegun) release();
        reject(serviceBusy());
      }, this.timeoutMs).unref();
      const begin = () => {
        hasBegun = true;
        void task()
          .then(resolve, reject)
          .finally(() => {
            clearTimeout(timer);
            release();
          });
      };
      if (granted) void granted.then(begin);
      else begin();
    });
  }
}
