import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { emptyInstallation } from '../support/built-service.js';
import { freePort } from '../support/free-port.js';

it('a first start on a port that is taken makes nothing, so that the next one shows what it made', async () => {
  const installation = await emptyInstallation();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const refused = installation.start(typeof address === 'object' && address ? address.port : 0, [
    'ignore',
    'ignore',
    'pipe',
  ]);
  let said = '';
  refused.stderr?.on('data', (data) => {
    said += data;
  });
  expect(await once(refused, 'exit')).toEqual([1, null]);
  expect(said).toMatch(/^Another program listens on port \d+ of 127\.0\.0\.1\./);
  taken.close();

  const service = installation.start(await freePort(), ['ignore', 'pipe', 'inherit']);
  let output = '';
  for await (const chunk of service.stdout ?? []) {
    output += chunk;
    if (output.includes('client_secret')) break;
  }
  expect(output).toContain('password');
  const ended = once(service, 'exit');
  service.kill('SIGTERM');
  await ended;
}, 90_000);
