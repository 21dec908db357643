import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { keepAsking } from '../support/keep-asking.js';
import { readMetrics } from '../support/metrics.js';
import { testRedisUrl } from '../support/redis.js';
import { waitUntil } from '../support/wait-until.js';
import { type WorkerProcesses, workersSetting } from '../support/worker-processes.js';

describe.runIf(testRedisUrl() !== undefined)('WORKERS', { timeout: 180_000 }, () => {
  let setting: Awaited<ReturnType<typeof workersSetting>>;
  let workers: WorkerProcesses;
  beforeAll(async () => {
    setting = await workersSetting();
    workers = await setting.start();
    await workers.untilReady(2);
  }, 120_000);
  afterAll(() => setting.close());

  it('adds up the metrics of all, and tells the memory of each', async () => {
    const own = Array.from({ length: 20 }, () =>
      fetch(`${workers.origin}/healthz`, { headers: { connection: 'close' } }),
    );
    for (const response of await Promise.all(own)) await response.text();
    await waitUntil('all are counted', 10_000, async () => {
      const values = await readMetrics(workers.origin);
      return values.get('chat_http_requests_total{route="/healthz",code="200"}') === 20;
    });
    const values = await readMetrics(workers.origin);
    const memories = [...values.keys()].filter((name) => name.startsWith('process_resident_memory_bytes'));
    expect(memories.sort()).toEqual([1, 2].map((worker) => `process_resident_memory_bytes{worker="${worker}"}`));
    expect(values.get('chat_database_up')).toBe(1);
  });

  it('are replaced one after the other on SIGHUP: no request fails, and sockets are told to come back', async () => {
    const socket = await workers.channel('general');
    const former = workers.ready().map(({ process }) => process);
    const stop = keepAsking(`${workers.origin}/graphql/?query=${encodeURIComponent('{ __typename }')}`);
    workers.child.kill('SIGHUP');
    expect(await socket.closed).toEqual({ code: 1012, reason: 'draining' });
    await workers.untilReady(4);
    await waitUntil('the former workers have ended', 30_000, () => former.every((pid) => !isAlive(pid ?? 0)));
    const { failures, count } = await stop();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(20);
  });

  it('are replaced when they die', async () => {
    const before = workers.ready().length;
    const victim = workers.ready().at(-1)?.process ?? 0;
    process.kill(victim, 'SIGKILL');
    await workers.untilReady(before + 1);
    expect(workers.lines.some(({ msg, process: pid }) => msg === 'worker ended by itself' && pid === victim)).toBe(
      true,
    );
    expect((await fetch(`${workers.origin}/healthz`)).status).toBe(200);
  });

  it('end with the service on SIGTERM, with 0', async () => {
    const all = workers.ready().map(({ process }) => process);
    workers.child.kill('SIGTERM');
    expect(await workers.exited).toEqual([0, null]);
    expect(all.filter((pid) => isAlive(pid ?? 0))).toEqual([]);
  });

  it('that cannot start end the service, which says why', async () => {
    const closed = await freePort();
    const failed = await setting.start({ DATABASE_URL: `postgresql://nobody@127.0.0.1:${closed}/none` });
    expect(await failed.exited).toEqual([1, null]);
    expect(failed.stderr).toMatch(/^Cannot connect to the database at /m);
    expect(failed.stderr).toMatch(/^The service could not start: 5 workers ended before they were ready/m);
  });
});

describe('WORKERS above 1', () => {
  it('are refused without a database server and Redis, by name', async () => {
    const { loadConfig } = await import('../../src/config/config.js');
    expect(() => loadConfig({ WORKERS: '2' }, tmpdir())).toThrow(
      'WORKERS above 1 needs DATABASE_URL, which is not set: the embedded database is for one process.\n' +
        'WORKERS above 1 needs REDIS_URL, which is not set: workers tell each other of messages over Redis.',
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
