/** A signal within so long of the first one is the same: npm passes a terminal's signals on to a process that has got them already. */
const SAME_MS = 1000;

/** Calls `stop` for the first of these signals. A later one is from somebody who is tired of waiting, and ends the process with 1. */
export function onStopSignal(signals: readonly NodeJS.Signals[], stop: (signal: NodeJS.Signals) => void): void {
  let firstAt: number | undefined;
  const receive = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      stop(signal);
    } else if (now - firstAt > SAME_MS) process.exit(1);
  };
  for (const signal of signals) process.on(signal, receive);
}
