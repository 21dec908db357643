import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Keeper } from '../../support/keeper.js';
import { programFile } from '../targets/build.js';
import type { Job, Order, Outcome, Report } from './job.js';
import { InvalidRun } from './tally.js';

/** The other side of `main.ts`: starts it, hands it its job and hears what comes of it. */
export class LoadProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
  ) {}

  static start(keeper: Keeper): LoadProcess {
    const child = fork(programFile('load'), { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    keeper.process(child);
    if (child.pid === undefined) throw new Error('The load process did not start.');
    return new LoadProcess(child, child.pid);
  }

  /** `mark` reads the meters at the edges of a phase. @throws InvalidRun, also when it takes longer than `boundMs`. */
  async perform(job: Job, boundMs: number, mark: (phase: string, edge: 'begin' | 'end') => void): Promise<Outcome> {
    const { child } = this;
    const over = new AbortController();
    const { signal } = over;
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        const hear = (report: Report) => {
          if (report.kind === 'done') return resolve(report.outcome);
          if (report.kind === 'invalid') return reject(new InvalidRun(report.reason));
          mark(report.phase, report.edge);
          return this.tell({ kind: 'marked' });
        };
        const timer = setTimeout(() => reject(new InvalidRun(`It was not over after ${boundMs / 1000} s.`)), boundMs);
        const exited = (code: number | null) => reject(new Error(`The load process ended with exit code ${code}.`));
        child.on('message', hear).on('exit', exited);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          child.off('message', hear).off('exit', exited);
        });
        this.tell({ kind: 'work', job });
      });
    } finally {
      over.abort();
    }
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  private tell(order: Order): void {
    this.child.send(order);
  }
}
