import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { freePort } from './free-port.js';
import type { Keeper } from './keeper.js';
import { folderWith, MissingProgramError } from './server-program.js';
import { waitUntil } from './wait-until.js';

const ADVICE = 'Install Redis 7 or newer (Debian: apt install redis-server); it need not be running.';
const START_BOUND_MS = 10_000;

export type RedisSettings = Readonly<Record<string, string | number>>;

/** Why tests that start a Redis of their own cannot run here; undefined when they can. */
export function missingRedis(programs: readonly string[] = ['redis-server']): string | undefined {
  try {
    folderWith(programs, [], ADVICE);
    return undefined;
  } catch (error) {
    if (error instanceof MissingProgramError) return error.message;
    throw error;
  }
}

/** A Redis server for one test, from the machine's program, on a free port. The test may kill it, freeze it or drop its clients. */
export class PrivateRedis {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly keeper: Keeper,
    private readonly program: string,
    private readonly folder: string,
    readonly port: number,
    private readonly settings: RedisSettings,
    private readonly words: readonly string[] = [],
  ) {}

  /**
   * Resolves when it answers. @throws MissingProgramError when the machine has no Redis.
   * @param settings by the names that Redis has for them, besides what a test needs
   */
  static async start(keeper: Keeper, settings: RedisSettings = {}): Promise<PrivateRedis> {
    const program = join(folderWith(['redis-server'], [], ADVICE), 'redis-server');
    const redis = new PrivateRedis(keeper, program, await keeper.folder('chat-api-redis'), await freePort(), settings);
    await redis.restart();
    return redis;
  }

  /** A sentinel with this configuration, a file in a folder of its own, which it writes to. */
  static async startSentinel(keeper: Keeper, file: string): Promise<PrivateRedis> {
    const program = join(folderWith(['redis-server'], [], ADVICE), 'redis-server');
    const words = [file, '--sentinel'];
    const sentinel = new PrivateRedis(keeper, program, dirname(file), await freePort(), {}, words);
    await sentinel.restart();
    return sentinel;
  }

  get isRunning(): boolean {
    return this.server?.exitCode === null && this.server.signalCode === null;
  }

  /** Of the running server. */
  get pid(): number {
    const pid = this.server?.pid;
    if (pid === undefined) throw new Error('The private Redis does not run.');
    return pid;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the server again after a kill. Resolves when it answers. */
  async restart(): Promise<void> {
    const { folder, port } = this;
    const storage = this.words.length > 0 ? {} : { save: '', appendonly: 'no' };
    const settings = { port, bind: '127.0.0.1', dir: folder, ...storage, ...this.settings };
    const set = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const server = spawn(this.program, [...this.words, ...set], { cwd: folder, stdio: 'ignore' });
    this.server = server;
    this.keeper.process(server);
    await waitUntil('The start of a private Redis', START_BOUND_MS, async () => {
      if (server.exitCode !== null) throw new Error(`It ended with exit code ${server.exitCode}.`);
      return /^(\+PONG|-NOAUTH)/.test(await this.command('PING'));
    });
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { server } = this;
    if (!server || !this.isRunning) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  /** The server stands still, with every connection open, until `thaw`. */
  freeze(): void {
    this.server?.kill('SIGSTOP');
  }

  thaw(): void {
    this.server?.kill('SIGCONT');
  }

  /** Cuts every connection of one kind: those that subscribed, or the others. */
  async cutClients(kind: 'pubsub' | 'normal'): Promise<void> {
    await this.command(`CLIENT KILL TYPE ${kind} SKIPME yes`);
  }

  /** One inline command on a connection of its own; the first line of the answer. */
  private async command(line: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      return await new Promise<string>((resolve, reject) => {
        socket.setTimeout(2000, () => reject(new Error('Redis does not answer.')));
        socket.once('data', (answer) => resolve(String(answer).trim()));
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('Redis closed the connection.')));
        socket.write(`${line}\r\n`);
      });
    } finally {
      socket.destroy();
    }
  }
}
