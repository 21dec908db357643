import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.js';
import type { Keeper } from '../support/keeper.js';
import { waitUntil } from '../support/wait-until.js';

export interface ServiceOptions {
  keeper: Keeper;
  /** Its working folder, so that no `.env` of a developer is read. */
  folder: string;
  logFile: string;
  environment: Record<string, string>;
  /** Called when the process ends although it was not killed here. */
  onExit: (how: string) => void;
}

const PROGRAM = fileURLToPath(new URL('../../dist/server.js', import.meta.url));
const BASE_ENVIRONMENT = { PATH: process.env.PATH, NODE_ENV: 'production', LOG_LEVEL: 'warn' };
const START_BOUND_MS = 60_000;
const RESTART_PAUSE_MS = 200;

/** The built service as a process of its own, always on the same port. */
export class ServiceProcess {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly options: ServiceOptions,
    readonly port: number,
  ) {}

  /** Resolves when it is ready. */
  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    const service = new ServiceProcess(options, await freePort());
    await service.restart();
    return service;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /**
   * Starts the process, again after a kill. One that ends before it is ready (its database may be away) is started again,
   * as whatever supervises services does. Resolves when it serves, or was killed meanwhile.
   */
  async restart(): Promise<void> {
    const deadline = performance.now() + START_BOUND_MS;
    while ((await this.startOnce()) === 'ended') {
      if (performance.now() > deadline)
        throw new Error(`A service does not start. The end of its log:\n${this.endOfLog}`);
      await sleep(RESTART_PAUSE_MS);
    }
  }

  private async startOnce(): Promise<'ready' | 'killed' | 'ended'> {
    const { keeper, folder, logFile, environment, onExit } = this.options;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM], {
      cwd: folder,
      env: { ...BASE_ENVIRONMENT, PORT: String(this.port), ...environment },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    keeper.process(child);
    let isReady = false;
    const over = new Promise<'killed' | 'ended'>((resolve) => {
      child.once('exit', (code, signal) => {
        if (isReady && this.child === child) onExit(signal ?? `exit code ${code}`);
        resolve(this.child === child ? 'ended' : 'killed');
      });
    });
    const ready = waitUntil('The start of a service', START_BOUND_MS, () => this.isReady());
    const outcome = await Promise.race([ready.then(() => 'ready' as const), over]);
    isReady = outcome === 'ready';
    return outcome;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** SIGTERM, as whatever supervises services stops them. Resolves with how the process ended. */
  async stop(): Promise<string> {
    return await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<string> {
    const { child } = this;
    this.child = undefined;
    if (!child) return 'it was not running';
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.signalCode ?? `exit code ${child.exitCode}`;
  }

  private get endOfLog(): string {
    return readFileSync(this.options.logFile, 'utf8').slice(-2000);
  }

  /** Redis may be away: the service serves without it. */
  private async isReady(): Promise<boolean> {
    const response = await fetch(`${this.origin}/readyz`, { signal: AbortSignal.timeout(3000) });
    const { database }: { database?: string } = JSON.parse(await response.text());
    return database === 'ok';
  }
}
