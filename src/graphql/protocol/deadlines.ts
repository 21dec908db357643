import { LONGEST_TIMER_MS } from '../../plugins/limits/deadline.js';
import type { Operation } from './operations.js';

/** Default time for a query or mutation to run, and for a subscription to be set up, in milliseconds. */
export const OPERATION_MS = 10_000;

/** Timers for the operations of one socket. */
export class Deadlines {
  private readonly timers = new WeakMap<Operation, NodeJS.Timeout>();

  constructor(
    private readonly limitMs: number,
    private readonly onLate: (operation: Operation) => void,
  ) {}

  /** Starts an operation's timer. `onLate` is called unless the operation ends, or `stop` is called, in time. */
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
