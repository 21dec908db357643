import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { testRedisUrl } from '../support/redis.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'dist/server.js');
const CLIENT = { id: 'abuse', secret: 'a-secret-of-forty-three-characters-or-more-000' };
const ADMIN_PASSWORD = 'the password of the admin';
export const PASSWORD = 'correct horse battery';
/**
 * What the service may compute during a bystander's query, in milliseconds of CPU: see `Noticed.cpuP99`. Without turns of the event loop
 * it computes for half a second and more.
 */
export const CPU_P99_MS = 400;
/** What a bystander's query may take, in milliseconds: less than behind an attack that holds all of something, of which it would wait seconds. */
const P99_MS = 1500;
/** Where others use the machine too, every query takes longer: so many times the median of the same queries without an attack. */
const P99_OF_CALM = 40;
/** How long the same bystander is measured before the attack, in milliseconds. */
const CALM_MS = 1500;
/** Bystanders who ask at a time: the more queries, the less does one of them decide. */
const BYSTANDERS = 4;
/** How long each pauses between two queries, in milliseconds. */
const BYSTANDER_PAUSE_MS = 15;

/** What somebody else noticed of an attack. */
export interface Noticed {
  /** How long the bystander's slowest query but one in a hundred took, in milliseconds, and how long it may take. */
  p99: number;
  p99Bound: number;
  /**
   * How much the service's main thread computed during the bystander's slowest query but one in a hundred, in milliseconds of CPU:
   * how long the query stood behind others, however busy the machine is.
   */
  cpuP99: number;
  /** Answers that were no answer to the query. */
  refused: number;
  /** By how much the process' resident memory was higher than before at most, in bytes. */
  growth: number;
}

export interface Member {
  id: string;
  token: string;
}

/**
 * The built service as a process of its own with a small heap, as its users have it: on this run's PostgreSQL and Redis, or the
 * embedded database.
 */
export class AbusedService {
  private readonly agent = new Agent({ keepAlive: true });

  private constructor(
    private readonly child: ChildProcess,
    private readonly database: TestDatabase | undefined,
    private readonly folder: string,
    readonly origin: string,
  ) {}

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<AbusedService> {
    const folder = await mkdtemp(join(tmpdir(), 'chat-abuse-'));
    const database = testDatabaseSource().kind === 'embedded' ? undefined : await createTestDatabase();
    const port = await freePort();
    const child = spawn(process.execPath, ['--max-old-space-size=512', PROGRAM], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATA_DIR: join(folder, 'data'),
        DATABASE_URL: database?.url ?? '',
        REDIS_URL: testRedisUrl() ?? '',
        LOG_LEVEL: 'warn',
        ADMIN_PASSWORD,
        OAUTH_CLIENT_ID: CLIENT.id,
        OAUTH_CLIENT_SECRET: CLIENT.secret,
        ...environment,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const service = new AbusedService(child, database, folder, `http://127.0.0.1:${port}`);
    await waitUntil('The start of the service', 60_000, async () => (await fetch(`${service.origin}/readyz`)).ok);
    return service;
  }

  get wsOrigin(): string {
    return this.origin.replace('http', 'ws');
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async token(username: string, password: string): Promise<string> {
    const body = new URLSearchParams({ grant_type: 'password', username, password });
    const authorization = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
    const response = await fetch(`${this.origin}/oauth/token/`, { method: 'POST', body, headers: { authorization } });
    const { access_token: token }: { access_token?: string } = JSON.parse(await response.text());
    if (token === undefined) throw new Error(`${username} got no token: ${response.status}`);
    return token;
  }

  admin(): Promise<string> {
    return this.token('admin', ADMIN_PASSWORD);
  }

  /** Data of an operation that has to work. */
  async run<Data>(token: string, query: string, variables: object = {}): Promise<Data> {
    const { status, body } = await this.post(token, JSON.stringify({ query, variables }));
    const { data, errors }: { data?: Data; errors?: unknown } = JSON.parse(body);
    if (!data || errors) throw new Error(`${status} ${body.slice(0, 500)}`);
    return data;
  }

  /** Makes users who are members of a new chat. */
  async newChat(name: string, members: number): Promise<{ id: string; epoch: string; members: Member[] }> {
    const admin = await this.admin();
    const { createChat } = await this.run<{ createChat: { id: string; cursor: string } }>(
      admin,
      'mutation ($name: String!) { createChat(name: $name) { id cursor } }',
      { name },
    );
    const all: Member[] = [];
    const make = async (index: number) => {
      const username = `${name}-${index}`;
      const { createUser } = await this.run<{ createUser: { id: string } }>(
        admin,
        'mutation ($username: String!, $password: String!) { createUser(username: $username, password: $password) { id } }',
        { username, password: PASSWORD },
      );
      await this.run(
        admin,
        'mutation ($user: ID!, $chat: ID!) { assignUserToChat(userId: $user, chatId: $chat) { joinedAt } }',
        {
          user: createUser.id,
          chat: createChat.id,
        },
      );
      // The first two act; a sign-in of each would take longer than the attack.
      all[index] = { id: createUser.id, token: index < 2 ? await this.token(username, PASSWORD) : '' };
    };
    for (let start = 0; start < members; start += 4)
      await Promise.all(Array.from({ length: Math.min(4, members - start) }, (_, index) => make(start + index)));
    return { id: createChat.id, epoch: createChat.cursor.split(':')[0] ?? '', members: all };
  }

  /** One request over a connection that is kept. */
  async post(token: string, json: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.origin}/graphql/`,
        {
          method: 'POST',
          agent: this.agent,
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(json),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
        },
      );
      sent.once('error', reject);
      sent.end(json);
    });
  }

  /** Bytes of resident memory, as the kernel counts them. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** CPU time of the service's main thread, in milliseconds. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
  private cpuMs(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  }

  /** What a bystander notices while an attack goes on; ends with it. */
  async notice(bystander: string, attack: () => Promise<void>): Promise<Noticed> {
    await this.askUntilEndOf(bystander, () => sleep(CALM_MS));
    const calm = await this.askUntilEndOf(bystander, () => sleep(CALM_MS));
    const before = await this.residentBytes();
    let most = before;
    let isOver = false;
    const measure = async () => {
      while (!isOver) {
        most = Math.max(most, await this.residentBytes());
        await sleep(50);
      }
    };
    const measuring = measure();
    const { latencies, cpu, refused } = await this.askUntilEndOf(bystander, attack).finally(async () => {
      isOver = true;
      await measuring;
    });
    const p99Bound = Math.max(P99_MS, P99_OF_CALM * quantile(calm.latencies, 0.5));
    return { p99: quantile(latencies, 0.99), p99Bound, cpuP99: quantile(cpu, 0.99), refused, growth: most - before };
  }

  /** Several bystanders' queries while `work` goes on: how long each took, and what the service computed meanwhile, in milliseconds. */
  private async askUntilEndOf(token: string, work: () => Promise<void>) {
    const query = JSON.stringify({ query: '{ me { id } chats { id name } }' });
    const latencies: number[] = [];
    const cpu: number[] = [];
    let refused = 0;
    let isOver = false;
    const ask = async () => {
      while (!isOver) {
        const [start, cpuStart] = [performance.now(), this.cpuMs()];
        const { status, body } = await this.post(token, query);
        cpu.push(this.cpuMs() - cpuStart);
        latencies.push(performance.now() - start);
        if (status !== 200 || body.includes('"errors"')) refused += 1;
        await sleep(BYSTANDER_PAUSE_MS);
      }
    };
    const asking = Promise.all(Array.from({ length: BYSTANDERS }, ask));
    try {
      await work();
    } finally {
      isOver = true;
      await asking;
    }
    return { latencies, cpu, refused };
  }

  async close(): Promise<void> {
    this.agent.destroy();
    if (this.isAlive) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exited;
    }
    await this.database?.drop();
    await rm(this.folder, { recursive: true });
  }
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * part)] ?? Number.POSITIVE_INFINITY;
}
