import { once } from 'node:events';
import { expect, it } from 'vitest';
import { emptyInstallation } from '../support/built-service.js';
import { freePort } from '../support/free-port.js';

it('a service whose output nobody reads any more serves, and ends when it is told to', async () => {
  const port = await freePort();
  const service = (await emptyInstallation()).start(port, ['ignore', 'pipe', 'inherit']);
  const ended = once(service, 'exit');
  service.stdout?.destroy();
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status,
      () => undefined,
    );
  await expect.poll(isReady, { timeout: 60_000, interval: 200 }).toBe(200);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  service.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
}, 90_000);
