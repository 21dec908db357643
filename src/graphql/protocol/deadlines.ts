import { LONGEST_TIMER_MS } from '../../plugins/limits/deadline.js';
import type { Operation } from './operations.js';

/** How long a query or a mutation may run, and a subscription take to begin, in milliseconds, where nothing else is said. */
export const OPERATION_MS = 10_000;

/** Watches how long the operations of one socket run. */
export class Deadlines {
  private readonly timers = new WeakMap<Operation, NodeJS.Timeout>();

  constructor(
    private readonly limitMs: number,
    private readonly onLate: (operation: Operation) => void,
  ) {}

  /** `onLate` is called for an operation that neither ends nor is stopped in time. */
  start(operation: Operation): void {
    if (this.limitMs > LONGEST_TIMER_MS) return;
    this.timers.set(
      operation,
      setTimeout(() => this.onLate(operation), this.limitMs),
    );
    operation.signal.addEventListener('abort', () => this.stop(operation), { once: true });
  }

  stop(operation: Operation): void {
    clearTimeout(this.timers.get(operation));
  }
}
