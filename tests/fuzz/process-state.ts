import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds, where the system tells (Linux). */
export interface ProcessState {
  megabytes: number;
  /** Open files and connections. */
  files: number;
}

export function processState(pid: number | undefined): ProcessState | undefined {
  if (pid === undefined || process.platform !== 'linux') return undefined;
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { megabytes: Math.round(Number(kilobytes) / 1024), files: readdirSync(`/proc/${pid}/fd`).length };
}
