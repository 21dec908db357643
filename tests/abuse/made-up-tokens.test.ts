import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
beforeAll(async () => {
  team = await startTeam(1, { LOG_LEVEL: 'info' });
  await team.first.app.services.clients.create({
    name: 'Phone',
    id: 'phone',
    isPublic: true,
    grants: ['password', 'refresh_token'],
    redirectUris: [],
  });
});
afterAll(() => team.close());

it('1,200 made-up refresh tokens at a time keep nobody from refreshing', { timeout: 60_000 }, async () => {
  const { first, credentials } = team;
  const { body } = await first.token({ username: 'admin', password: 'correct horse battery', ...credentials });
  let refreshToken = String(body.refresh_token);
  /** How long each refresh takes, in milliseconds, the shortest first. */
  const refreshFor = async (ms: number) => {
    const times: number[] = [];
    const end = performance.now() + ms;
    while (performance.now() < end) {
      const begun = performance.now();
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials };
      const answer = await first.token(form);
      expect(answer.status).toBe(200);
      refreshToken = String(answer.body.refresh_token);
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b);
  };
  const calm = await refreshFor(1000);
  const worker = new Worker(new URL('./made-up-tokens-load.mjs', import.meta.url), {
    workerData: { origin: first.origin, clientId: 'phone', atOnce: 1200 },
  });
  await once(worker, 'message');
  const times = await refreshFor(5000);
  const told = once(worker, 'message');
  worker.postMessage('stop');
  const [statuses] = await told;
  const p99 = times[Math.floor(times.length * 0.99)];
  const calmMedian = calm[Math.floor(calm.length / 2)] ?? 0;
  // What is made up is refused, first for what it is and then for its number; some wait too long for their network's turn.
  expect(Object.keys(statuses).filter((status) => !['400', '429', '503'].includes(status))).toEqual([]);
  expect(statuses['429']).toBeGreaterThan(0);
  // What the deadline and a handler both answer.
  expect(first.log.join('')).not.toContain('reply.sent = true');
  // On a machine that others use, so many times what a refresh takes there without the load.
  expect(p99).toBeLessThan(Math.max(250, 40 * calmMedian));
});
