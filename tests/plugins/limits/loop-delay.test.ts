import { setTimeout as pause } from 'node:timers/promises';
import Fastify from 'fastify';
import { afterEach, expect, it } from 'vitest';
import errors from '../../../src/plugins/errors.js';
import { LoopDelay } from '../../../src/plugins/limits/loop-delay.js';
import overload from '../../../src/plugins/limits/overload.js';
import requestRates from '../../../src/plugins/limits/request-rates.js';

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
  const app = Fastify();
  await app.register(errors);
  await app.register(requestRates, { requestsPerAddress: Infinity, requestsPerUser: Infinity });
  await app.register(overload, { requestsAtOnce: Infinity, eventLoopDelayMs: 100, bodyBytes: 1000 });
  app.get('/work', async () => 'done');
  app.get('/healthz', { config: { isUnlimited: true } }, async () => ({ status: 'ok' }));
  expect(delay.isLate).toBe(false);
  expect((await app.inject('/work')).statusCode).toBe(200);
  await burn(3500);
  expect(delay.isLate).toBe(true);
  const refusal = await app.inject('/work');
  expect([refusal.statusCode, refusal.headers['retry-after']]).toEqual([503, '1']);
  expect(refusal.json()).toEqual({ error: 'unavailable', message: 'The service is busy.' });
  expect((await app.inject('/healthz')).statusCode).toBe(200);
  await expect.poll(() => delay.isLate, { timeout: 5000 }).toBe(false);
  await expect.poll(async () => (await app.inject('/work')).statusCode, { timeout: 5000 }).toBe(200);
  await app.close();
});

it('does not mind one long turn', async () => {
  delay = new LoopDelay(100);
  const end = performance.now() + 1200;
  while (performance.now() < end);
  await pause(1200);
  expect(delay.isLate).toBe(false);
});
