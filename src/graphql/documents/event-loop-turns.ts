import { RoundRobin } from '../../domain/queues/round-robin.js';

/**
 * Splits long work into parts: one part runs per turn of the event loop, and the owners of waiting parts take turns. A hundred
 * parts of one operation thus delay another request by one part, not by a hundred.
 */
export class EventLoopTurns {
  private readonly waiting = new RoundRobin<unknown, () => void>();

  /** Resolves when this owner's next part may run. */
  next(owner: unknown): Promise<void> {
    return new Promise((resolve) => {
      if (this.waiting.size === 0) setImmediate(this.run);
      this.waiting.add(owner, resolve);
    });
  }

  private readonly run = (): void => {
    this.waiting.next()?.();
    if (this.waiting.size > 0) setImmediate(this.run);
  };
}
