import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import type { Keeper } from './keeper.js';
import { folderWith } from './server-program.js';
import { waitUntil } from './wait-until.js';

const ADVICE = 'Install Redis 7 or newer (Debian: apt install redis-server); it need not be running.';
const START_BOUND_MS = 10_000;

/** A Redis server for one test, from the machine's program, on a free port. The test may kill it, freeze it or drop its clients. */
export class PrivateRedis {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly keeper: Keeper,
    private readonly program: string,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** Resolves when it answers. @throws MissingProgramError when the machine has no Redis. */
  static async start(keeper: Keeper): Promise<PrivateRedis> {
    const program = join(folderWith(['redis-server'], [], ADVICE), 'redis-server');
    const redis = new PrivateRedis(keeper, program, await keeper.folder('chat-api-redis'), await freePort());
    await redis.restart();
    return redis;
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
    const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
    const set = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const server = spawn(this.program, set, { cwd: folder, stdio: 'ignore' });
    this.server = server;
    this.keeper.process(server);
    await waitUntil('The start of a private Redis', START_BOUND_MS, async () => {
      if (server.exitCode !== null) throw new Error(`It ended with exit code ${server.exitCode}.`);
      return (await this.command('PING')) === '+PONG';
    });
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
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
