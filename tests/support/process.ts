import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Runs a TypeScript file of the tests as a process of its own; its errors go to this one's. */
export function runTypeScript(file: URL, ...args: string[]): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, ['--import', import.meta.resolve('tsx'), fileURLToPath(file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
