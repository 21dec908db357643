/** The longest pause between two attempts, in milliseconds. */
const MAX_MS = 30_000;
const FIRST_MS = 500;

/** How long to wait after so many failures in a row, in milliseconds: twice as long each time, half of it by chance. */
export function backoffMs(failures: number, random: () => number): number {
  const most = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return most * (0.5 + random() / 2);
}

/** Resolves after so many milliseconds, or when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
