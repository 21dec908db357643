import { backoffMs, pause, type Waker } from './backoff.js';
import { asChatError, closedError } from './errors.js';
import type { Lifetime } from './lifetime.js';

/** How long to go on, and when to try again. */
export interface Patience {
  /** Its end is that of all attempts. */
  readonly life: Lifetime;
  readonly random: () => number;
  /** Wakes when the service can be reached again. */
  readonly onReachable: Waker;
}

/**
 * Repeats what fails for the moment, until it succeeds.
 * @throws ChatError the first one that is not transient; `CLOSED` when the life is over
 */
export async function persist<Value>(
  attempt: () => Promise<Value>,
  { life, random, onReachable }: Patience,
): Promise<Value> {
  for (let failures = 0; !life.isOver; failures += 1) {
    try {
      return await attempt();
    } catch (cause) {
      const error = asChatError(cause);
      if (!error.isTransient) throw error;
      const { retryAfterMs } = error;
      // Whoever is told when to come again is not welcome before.
      const wakers = retryAfterMs ? [life.onEnd] : [life.onEnd, onReachable];
      if (!life.isOver) await pause(retryAfterMs ?? backoffMs(failures, random), ...wakers);
    }
  }
  throw closedError();
}
