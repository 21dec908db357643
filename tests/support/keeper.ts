import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/**
 * Ends registered processes and removes registered folders when `close` is called, and also when this process is killed: a child
 * process does it as soon as the pipe to it closes. Both cases take the same path, so every run tests it.
 */
export class Keeper {
  private readonly child: ChildProcess;
  private readonly input: Writable;
  private readonly exited: Promise<unknown>;

  constructor() {
    const file = fileURLToPath(new URL('keeper-process.mjs', import.meta.url));
    // In a session of its own, because Ctrl-C would end every process of the group, and this one has to clean up then.
    const child = spawn(process.execPath, [file], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
    this.child = child;
    this.input = child.stdin;
    this.exited = once(child, 'exit');
    child.unref();
  }

  /** Makes a temporary folder and registers it. */
  async folder(name: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `${name}-`));
    this.tell({ keep: path });
    return path;
  }

  /** Registers a process. It gets `signal` at the end, and SIGKILL if it still runs five seconds later. */
  process(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.tell({ keep: pid, signal });
    child.once('exit', () => this.tell({ forget: pid }));
  }

  /** Unregisters a folder. */
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
