import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepAsking } from '../support/keep-asking.js';
import { readMetrics } from '../support/metrics.js';
import { testRedisUrl } from '../support/redis.js';
import { waitUntil } from '../support/wait-until.js';
import { workersSetting } from '../support/worker-processes.js';

const HEALTHY = 'chat_http_requests_total{route="/healthz",code="200"}';

describe.runIf(testRedisUrl() !== undefined)('the processes of WORKERS', { timeout: 300_000 }, () => {
  let setting: Awaited<ReturnType<typeof workersSetting>>;
  beforeEach(async () => {
    setting = await workersSetting();
  });
  afterEach(() => setting.close());

  async function startTwo() {
    const workers = await setting.start();
    await workers.untilReady(2);
    return workers;
  }

  it('drain when a terminal interrupts all of them at once', async () => {
    const workers = await startTwo();
    const socket = await workers.channel('general');
    workers.signalAll('SIGINT');
    expect(await socket.closed).toEqual({ code: 1012, reason: 'draining' });
    expect(await workers.exited).toEqual([0, null]);
    expect(workers.stderr).toBe('');
    expect(await workers.processes()).toEqual([]);
  });

  it('all end when the service is told to end in the middle of a replacement', async () => {
    const workers = await startTwo();
    workers.child.kill('SIGHUP');
    await waitUntil('a third worker starts', 30_000, async () => (await workers.processes()).length === 4);
    workers.child.kill('SIGTERM');
    expect(await workers.exited).toEqual([0, null]);
    expect(await workers.processes()).toEqual([]);
  });

  it('drain when their supervisor is killed', async () => {
    const workers = await startTwo();
    const socket = await workers.channel('general');
    workers.child.kill('SIGKILL');
    expect(await socket.closed).toEqual({ code: 1012, reason: 'draining' });
    await waitUntil('all have ended', 30_000, async () => (await workers.processes()).length === 0);
  });

  it('are replaced again for a signal that comes while they are replaced', async () => {
    const workers = await startTwo();
    workers.child.kill('SIGHUP');
    await workers.untilSaid('replacing the workers');
    workers.child.kill('SIGHUP');
    await workers.untilReady(6);
    expect(workers.said('replacing the workers')).toHaveLength(2);
    await waitUntil('two are left', 30_000, async () => (await workers.processes()).length === 3);
  });

  it('are as many as before when one dies while its replacement starts', async () => {
    const workers = await startTwo();
    const first = workers.ready().find(({ worker }) => worker === 1)?.process ?? 0;
    workers.child.kill('SIGHUP');
    await waitUntil('a third worker starts', 30_000, async () => (await workers.processes()).length === 4);
    process.kill(first, 'SIGKILL');
    await workers.untilReady(4);
    await waitUntil('two are left', 30_000, async () => (await workers.processes()).length === 3);
    expect(workers.ready()).toHaveLength(4);
  });

  it('stay as they are when a replacement cannot start, and the service goes on', async () => {
    const workers = await startTwo();
    const before = (await workers.processes()).sort();
    await writeFile(join(setting.folder, '.env'), 'LOG_LEVEL=loud\n');
    workers.child.kill('SIGHUP');
    await workers.untilSaid('a new worker could not start, so the others stay');
    expect(workers.stderr).toContain('LOG_LEVEL must be one of');
    expect((await workers.processes()).sort()).toEqual(before);
  });

  it('one after the other can be killed under new connections, and the service goes on', async () => {
    const workers = await startTwo();
    const stop = keepAsking(`${workers.origin}/healthz`, { keepAlive: false });
    for (const [index, { process: pid = 0 }] of workers.ready().entries()) {
      process.kill(pid, 'SIGKILL');
      await workers.untilReady(3 + index);
    }
    const { count } = await stop();
    expect(count).toBeGreaterThan(20);
    expect(workers.child.exitCode).toBeNull();
    expect((await fetch(`${workers.origin}/healthz`)).status).toBe(200);
  });

  it('have counted together what no replacement and no death takes back', async () => {
    const workers = await startTwo();
    const count = async () => (await readMetrics(workers.origin)).get(HEALTHY) ?? 0;
    const ask = async (times: number) => {
      for (let each = 0; each < times; each += 1)
        await (await fetch(`${workers.origin}/healthz`, { headers: { connection: 'close' } })).text();
    };
    await ask(20);
    await waitUntil('all are counted', 10_000, async () => (await count()) === 20);
    workers.child.kill('SIGHUP');
    await workers.untilReady(4);
    await waitUntil('the former ones have ended', 30_000, async () => (await workers.processes()).length === 3);
    expect(await count()).toBe(20);
    await ask(10);
    await waitUntil('all are counted', 10_000, async () => (await count()) === 30);
    process.kill(workers.ready().at(-1)?.process ?? 0, 'SIGKILL');
    await workers.untilReady(5);
    expect(await count()).toBe(30);
  });
});
