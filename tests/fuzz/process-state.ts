import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a process holds, where the system tells (Linux). */
export interface ProcessState {
  megabytes: number;
  /** Open connections, those to its database among them. */
  sockets: number;
}

export function processState(pid: number | undefined): ProcessState | undefined {
  if (pid === undefined || process.platform !== 'linux') return undefined;
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { megabytes: Math.round(Number(kilobytes) / 1024), sockets: countSockets(`/proc/${pid}/fd`) };
}

function countSockets(folder: string): number {
  return readdirSync(folder).filter((name) => targetOf(`${folder}/${name}`).startsWith('socket:')).length;
}

/** Empty for one that was closed since it was listed. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
