/** The longest pause between two attempts, in milliseconds. */
const MAX_MS = 30_000;
const FIRST_MS = 500;

/** How long to wait after so many failures in a row, in milliseconds: twice as long each time, half of it by chance. */
export function backoffMs(failures: number, random: () => number): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.5 + random() / 2);
}

/** Calls `wake` when something has happened. @returns what takes it back */
export type Waker = (wake: () => void) => () => void;

/** Resolves after so many milliseconds, or when one of these wakes it. */
export function pause(ms: number, ...wakers: Waker[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      resolve();
    };
    const timer = setTimeout(wake, ms);
    const stops = wakers.map((waker) => waker(wake));
  });
}
