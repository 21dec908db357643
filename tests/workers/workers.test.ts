import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { readMetrics } from '../support/metrics.js';
import { RawSocket } from '../support/raw-socket.js';
import { testRedisUrl } from '../support/redis.js';
import { waitUntil } from '../support/wait-until.js';

const PASSWORD = 'correct horse battery';
const CREDENTIALS = { ADMIN_PASSWORD: PASSWORD, OAUTH_CLIENT_ID: 'web', OAUTH_CLIENT_SECRET: 'a client secret' };
const redisUrl = testRedisUrl();

interface Line {
  msg: string;
  worker?: number;
  process?: number;
}

/** The built service with two workers, and what it has logged. */
class Workers {
  readonly lines: Line[] = [];
  stderr = '';
  readonly exited: Promise<unknown[]>;

  constructor(
    readonly child: ChildProcess,
    readonly origin: string,
  ) {
    this.exited = once(child, 'exit');
    if (!child.stdout || !child.stderr) throw new Error('The output is not read.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line));
    });
    child.stderr.on('data', (text) => {
      this.stderr += text;
    });
  }

  ready(): Line[] {
    return this.lines.filter(({ msg }) => msg === 'worker is ready');
  }

  async untilReady(count: number): Promise<void> {
    await waitUntil(`${count} workers are ready`, 60_000, () => {
      if (this.child.exitCode !== null) throw new Error(`It ended: ${this.stderr}`);
      return this.ready().length >= count;
    });
  }
}

/** Asks over and over until it is stopped, on connections that it keeps. Returns the answers that were not 200, and how many were. */
function keepAsking(url: string) {
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const failures: unknown[] = [];
  let count = 0;
  let isAsking = true;
  const ask = async (agent: Agent) => {
    while (isAsking)
      await new Promise<void>((resolve) => {
        get(url, { agent }, (response) => {
          if (response.statusCode === 200) count += 1;
          else failures.push(response.statusCode);
          response.resume();
          response.once('close', resolve);
        }).once('error', (error) => {
          failures.push(error.message);
          resolve();
        });
      });
    agent.destroy();
  };
  const all = agents.map(ask);
  return async () => {
    isAsking = false;
    await Promise.all(all);
    return { failures, count };
  };
}

describe.runIf(redisUrl !== undefined)('WORKERS', { timeout: 180_000 }, () => {
  let database: TestDatabase;
  let folder: string;
  let workers: Workers;

  async function start(environment: NodeJS.ProcessEnv = {}): Promise<Workers> {
    const port = String(await freePort());
    const child = spawn(process.execPath, ['dist/server.js'], {
      cwd: join(import.meta.dirname, '../..'),
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'production',
        DATABASE_URL: database.url,
        REDIS_URL: redisUrl,
        DATA_DIR: join(folder, 'data'),
        WORKERS: '2',
        PORT: port,
        ...CREDENTIALS,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Workers(child, `http://127.0.0.1:${port}`);
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'chat-workers-'));
    workers = await start();
    await workers.untilReady(2);
  }, 120_000);
  afterAll(async () => {
    workers.child.kill('SIGKILL');
    await database.drop();
    await rm(folder, { recursive: true });
  });

  async function signIn(): Promise<string> {
    const form = { grant_type: 'password', username: 'admin', password: PASSWORD };
    const client = { client_id: CREDENTIALS.OAUTH_CLIENT_ID, client_secret: CREDENTIALS.OAUTH_CLIENT_SECRET };
    const body = new URLSearchParams({ ...form, ...client });
    const response = await fetch(`${workers.origin}/oauth/token/`, { method: 'POST', body });
    const { access_token: token }: { access_token: string } = JSON.parse(await response.text());
    return token;
  }

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
    const token = await signIn();
    await fetch(`${workers.origin}/graphql/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'mutation { createChat(name: "general") { id } }' }),
    });
    const socket = await RawSocket.open(`${workers.origin.replace('http', 'ws')}/ws/chat/general/`, {
      headers: { authorization: `Bearer ${token}` },
    });
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
    const failed = await start({ DATABASE_URL: `postgresql://nobody@127.0.0.1:${closed}/none` });
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
