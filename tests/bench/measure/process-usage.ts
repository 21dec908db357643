import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const PAGE_BYTES = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

interface Stat {
  parent: number;
  /** Seconds of CPU, user and system. */
  own: number;
  /** The same of its children that have ended and were waited for. */
  ended: number;
  residentBytes: number;
}

/** Seconds of CPU that a process has used, user and system together. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export function cpuSeconds(pid: number): number {
  return statOf(pid).own;
}

/** The same with the process's children, those included that have ended: a PostgreSQL server with its backends. */
export function cpuSecondsWithChildren(pid: number): number {
  const { own, ended } = statOf(pid);
  return children(pid).reduce((sum, child) => sum + child.own, own + ended);
}

export function residentBytes(pid: number): number {
  return statOf(pid).residentBytes;
}

function children(parent: number): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = tryStatOf(Number(name));
      return stat?.parent === parent ? [stat] : [];
    });
}

function tryStatOf(pid: number): Stat | undefined {
  try {
    return statOf(pid);
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

/** Fields are counted after the name, which may have spaces and parentheses of its own. */
function statOf(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number) => fields[number - 3] ?? Number.NaN;
  return {
    parent: field(4),
    own: (field(14) + field(15)) / TICKS_PER_SECOND,
    ended: (field(16) + field(17)) / TICKS_PER_SECOND,
    residentBytes: field(24) * PAGE_BYTES,
  };
}
