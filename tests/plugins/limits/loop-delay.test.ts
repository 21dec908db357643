import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { LoopDelay } from '../../../src/plugins/limits/loop-delay.js';

let delay: LoopDelay;
afterEach(() => delay.close());

/** Keeps the event loop busy for so long, in turns of 300 ms. */
async function burn(ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const turn = performance.now() + 300;
    while (performance.now() < turn);
    await pause(0);
  }
}

it('calls the event loop late after two seconds of long turns, and in time again soon after', async () => {
  delay = new LoopDelay(100);
  expect(delay.isLate).toBe(false);
  await burn(3500);
  expect(delay.isLate).toBe(true);
  await expect.poll(() => delay.isLate, { timeout: 5000 }).toBe(false);
});

it('does not mind one long turn', async () => {
  delay = new LoopDelay(100);
  const end = performance.now() + 1200;
  while (performance.now() < end);
  await pause(1200);
  expect(delay.isLate).toBe(false);
});
