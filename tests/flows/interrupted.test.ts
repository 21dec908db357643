import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { emptyInstallation } from '../support/built-service.js';
import { freePort } from '../support/free-port.js';

it('a signal that npm passes on, although the terminal has sent it already, does not cut the drain short', async () => {
  const service = (await emptyInstallation()).start(await freePort(), ['ignore', 'pipe', 'inherit']);
  const ended = once(service, 'exit');
  if (!service.stdout) throw new Error('The output is not read.');
  for await (const line of createInterface({ input: service.stdout })) {
    if (line.includes('Server listening')) service.kill('SIGINT');
    if (!line.includes('"draining"')) continue;
    service.kill('SIGINT');
    break;
  }
  service.stdout.resume();
  expect(await ended).toEqual([0, null]);
}, 90_000);
