import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
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
  /** It ended and nobody here had killed it. */
  onExit: (how: string) => void;
}

const PROGRAM = fileURLToPath(new URL('../../dist/server.js', import.meta.url));
const START_BOUND_MS = 20_000;

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

  /** Starts the process, again after a kill. Resolves when it serves on its database. */
  async restart(): Promise<void> {
    const { keeper, folder, logFile, environment, onExit } = this.options;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        PORT: String(this.port),
        ...environment,
      },
      stdio: ['ignore', log, log],
    });
    this.child = child;
    keeper.process(child);
    child.once('exit', (code, signal) => {
      if (this.child === child) onExit(signal ?? `exit code ${code}`);
    });
    await waitUntil(`The start of a service (see ${logFile})`, START_BOUND_MS, () => this.isReady());
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Redis may be away: the service serves without it. */
  private async isReady(): Promise<boolean> {
    const response = await fetch(`${this.origin}/readyz`, { signal: AbortSignal.timeout(3000) });
    const { database }: { database?: string } = JSON.parse(await response.text());
    return database === 'ok';
  }
}
