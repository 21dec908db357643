import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

/** Asks until the answer is true. @throws Error naming `what` after `boundMs`. A question that fails is a no. */
export async function waitUntil(what: string, boundMs: number, ask: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + boundMs;
  let lastError: unknown;
  while (performance.now() < deadline) {
    try {
      if (await ask()) return;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${what} did not happen within ${boundMs} ms.`, { cause: lastError });
}
