import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createTestDatabase } from './database.js';
import { freePort } from './free-port.js';
import { RawSocket } from './raw-socket.js';
import { testRedisUrl } from './redis.js';
import { waitUntil } from './wait-until.js';

const PASSWORD = 'correct horse battery';
const CREDENTIALS = { ADMIN_PASSWORD: PASSWORD, OAUTH_CLIENT_ID: 'web', OAUTH_CLIENT_SECRET: 'a client secret' };

interface Line {
  msg: string;
  worker?: number;
  process?: number;
}

/** The built service with workers, as a group of processes of its own, and what it has logged. */
export class WorkerProcesses {
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

  /** What was logged with this message. */
  said(message: string): Line[] {
    return this.lines.filter(({ msg }) => msg === message);
  }

  ready(): Line[] {
    return this.said('worker is ready');
  }

  async untilReady(count: number): Promise<void> {
    await waitUntil(`${count} workers are ready`, 150_000, () => {
      if (this.child.exitCode !== null) throw new Error(`It ended: ${this.stderr}`);
      return this.ready().length >= count;
    });
  }

  async untilSaid(message: string, count = 1): Promise<void> {
    await waitUntil(`it says “${message}”`, 30_000, () => this.said(message).length >= count);
  }

  /** Sends a signal to all processes at once, as a terminal does. */
  signalAll(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Whether any of its processes is left. */
  isThere(): boolean {
    try {
      return process.kill(-this.pid, 0);
    } catch {
      return false;
    }
  }

  /** The processes that live. */
  async processes(): Promise<number[]> {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,pgid=,stat=']);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
    const alive = rows.filter(([, group, state = '']) => Number(group) === this.pid && !state.startsWith('Z'));
    return alive.map(([pid]) => Number(pid));
  }

  async token(): Promise<string> {
    const form = { grant_type: 'password', username: 'admin', password: PASSWORD };
    const client = { client_id: CREDENTIALS.OAUTH_CLIENT_ID, client_secret: CREDENTIALS.OAUTH_CLIENT_SECRET };
    const body = new URLSearchParams({ ...form, ...client });
    const response = await fetch(`${this.origin}/oauth/token/`, { method: 'POST', body });
    const { access_token: token }: { access_token: string } = JSON.parse(await response.text());
    return token;
  }

  /** A raw channel of a chat, which is made if it is not there. */
  async channel(chat: string): Promise<RawSocket> {
    const token = await this.token();
    await fetch(`${this.origin}/graphql/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation { createChat(name: "${chat}") { id } }` }),
    });
    return RawSocket.open(`${this.origin.replace('http', 'ws')}/ws/chat/${chat}/`, {
      headers: { authorization: `Bearer ${token}` },
    });
  }

  private get pid(): number {
    if (this.child.pid === undefined) throw new Error('It has not started.');
    return this.child.pid;
  }
}

/** A database and a folder for services with workers, which are killed at the end. */
export async function workersSetting() {
  const database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'chat-workers-'));
  const started: WorkerProcesses[] = [];
  return {
    folder,

    /** Starts the built service with two workers. */
    async start(environment: NodeJS.ProcessEnv = {}): Promise<WorkerProcesses> {
      const port = String(await freePort());
      const child = spawn(process.execPath, [join(import.meta.dirname, '../../dist/server.js')], {
        // Where it looks for `.env`.
        cwd: folder,
        detached: true,
        env: {
          PATH: process.env.PATH,
          NODE_ENV: 'production',
          DATABASE_URL: database.url,
          REDIS_URL: testRedisUrl(),
          DATA_DIR: join(folder, 'data'),
          WORKERS: '2',
          PORT: port,
          ...CREDENTIALS,
          ...environment,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const workers = new WorkerProcesses(child, `http://127.0.0.1:${port}`);
      started.push(workers);
      return workers;
    },

    async close() {
      for (const workers of started) {
        // At once and all together: a supervisor that lives starts killed workers again.
        if (workers.isThere()) workers.signalAll('SIGKILL');
        await workers.exited;
      }
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}
