import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';

it('a service whose output nobody reads any more serves, and ends when it is told to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-output-'));
  const database = process.env.TEST_DATABASE_URL === undefined ? undefined : await createTestDatabase();
  const port = await freePort();
  const service = spawn(process.execPath, ['dist/server.js'], {
    cwd: join(import.meta.dirname, '../..'),
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: database?.url ?? '',
      // Its first start prints how to go on.
      NODE_ENV: 'development',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void service.kill('SIGKILL'));
  const ended = once(service, 'exit');
  service.stdout.destroy();
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status,
      () => undefined,
    );
  await expect.poll(isReady, { timeout: 60_000, interval: 200 }).toBe(200);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  service.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  await database?.drop();
  await rm(folder, { recursive: true });
}, 90_000);
