import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { freePort } from '../../support/free-port.js';
import type { Keeper } from '../../support/keeper.js';
import { waitUntil } from '../../support/wait-until.js';
import type { Target } from './target.js';

export interface TargetOptions {
  keeper: Keeper;
  /** Its working folder, so that no `.env` of a developer is read; its log is there. */
  folder: string;
  databaseUrl: string;
  redisUrl: string;
  /** Beside the target's own. */
  environment: Readonly<Record<string, string>>;
  /** Where V8 writes what the process spent its time on; undefined: nowhere. */
  profiles: string | undefined;
}

/** The profile is written when the process ends by itself. */
const END_WHEN_TOLD = 'data:text/javascript,process.once("SIGTERM",()=>process.exit())';
const START_BOUND_MS = 30_000;

/** A target as a process of its own. */
export class TargetProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
    readonly port: number,
    readonly logFile: string,
    private readonly endSignal: NodeJS.Signals,
  ) {}

  /** Resolves when it answers. */
  static async start(target: Target, options: TargetOptions): Promise<TargetProcess> {
    const { keeper, folder, databaseUrl, redisUrl, environment, profiles } = options;
    const port = await freePort();
    const logFile = `${folder}/${target.name}.log`;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [...target.nodeOptions, ...profiling(profiles), target.program], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'production',
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        ...target.environment,
        ...environment,
      },
      stdio: ['ignore', log, log],
    });
    keeper.process(child);
    const { pid } = child;
    if (pid === undefined) throw new Error(`${target.title} did not start.`);
    await waitUntil(`The start of ${target.title} (see ${logFile})`, START_BOUND_MS, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(3000) });
      await response.arrayBuffer();
      return response.ok;
    });
    return new TargetProcess(child, pid, port, logFile, profiles === undefined ? 'SIGKILL' : 'SIGTERM');
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.child, 'exit');
    this.child.kill(this.endSignal);
    await exited;
  }
}

function profiling(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--import', END_WHEN_TOLD];
}
