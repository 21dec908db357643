import { backoffMs } from './backoff.js';
import { asChatError, closedError } from './errors.js';

/** How long to go on, and when to try again. */
export interface Patience {
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  /** Calls `listener` when the service can be reached again. @returns what ends it */
  readonly onReachable: (listener: () => void) => () => void;
}

/**
 * Repeats what fails for the moment, until it succeeds.
 * @throws ChatError the first one that is not transient; `CLOSED` when the signal aborts
 */
export async function persist<Value>(attempt: () => Promise<Value>, patience: Patience): Promise<Value> {
  for (let failures = 0; ; failures += 1) {
    if (patience.signal.aborted) throw closedError();
    try {
      return await attempt();
    } catch (cause) {
      const error = asChatError(cause);
      if (!error.isTransient) throw error;
      await pauseUntilReachable(backoffMs(failures, patience.random), error.retryAfterMs ?? 0, patience);
    }
  }
}

/** Resolves after `ms`, or when the service can be reached again; but not before `leastMs`. */
export async function pauseUntilReachable(
  ms: number,
  leastMs: number,
  { signal, onReachable }: Patience,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      stop();
      resolve();
    };
    const timer = setTimeout(end, Math.max(ms, leastMs));
    signal.addEventListener('abort', end);
    const stop = onReachable(() => leastMs === 0 && end());
  });
}
