import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/**
 * Ends the processes and removes the folders that it is told of, when `close` is called and also when this process dies
 * without a word: a process of its own does it, as soon as the pipe to it closes. One way out, tried by every run.
 */
export class Keeper {
  private readonly child: ChildProcess;
  private readonly input: Writable;
  private readonly exited: Promise<unknown>;

  constructor() {
    const file = fileURLToPath(new URL('keeper-process.mjs', import.meta.url));
    // A session of its own: Ctrl-C in a terminal reaches every process of the group, and this one has work to do then.
    const child = spawn(process.execPath, [file], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
    this.child = child;
    this.input = child.stdin;
    this.exited = once(child, 'exit');
    child.unref();
  }

  /** A folder below the system's temporary one, which goes with us. */
  async folder(name: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `${name}-`));
    this.tell({ keep: path });
    return path;
  }

  /** Sends `signal` at the end, and SIGKILL five seconds later to who is still there. */
  process(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.tell({ keep: pid, signal });
    child.once('exit', () => this.tell({ forget: pid }));
  }

  /** Leaves a folder where it is. */
  leave(folder: string): void {
    this.tell({ forget: folder });
  }

  /** Resolves when all processes have ended and all folders are removed. */
  async close(): Promise<void> {
    this.child.ref();
    this.input.end();
    await this.exited;
  }

  private tell(line: { keep: string | number; signal?: NodeJS.Signals } | { forget: string | number }): void {
    if (this.input.writable) this.input.write(`${JSON.stringify(line)}\n`);
  }
}
