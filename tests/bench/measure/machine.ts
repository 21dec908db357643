import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import type { PrivatePostgres } from '../../support/private-postgres.js';
import { CannotRun } from '../cannot-run.js';

const packages = ['fastify', 'mercurius', 'ws', 'redis', 'pg', 'socket.io', '@socket.io/redis-adapter'];

/** What the figures were measured on, one line each. */
export async function describeMachine(postgres: PrivatePostgres): Promise<string[]> {
  const [processor] = cpus();
  const [version] = await postgres.query<{ server_version: string }>('SHOW server_version');
  return [
    `${cpus().length} × ${processor?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release()}`,
    `Node ${process.versions.node} (V8 ${process.versions.v8})`,
    `PostgreSQL ${version?.server_version}, fsync on; Redis ${redisVersion()}`,
    packages.map((name) => `${name} ${packageVersion(name)}`).join(', '),
  ];
}

/** @throws CannotRun when this process may not open so many files. */
export function checkOpenFiles(needed: number): void {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+|unlimited)/m)?.[1];
  if (line === undefined || line === 'unlimited' || Number(line) >= needed) return;
  throw new CannotRun(
    `This needs ${needed} open files in a process, and ${line} are allowed. Run \`ulimit -n ${needed}\` first, or a --quick form.`,
  );
}

function redisVersion(): string {
  return execFileSync('redis-server', ['--version'], { encoding: 'utf8' }).match(/v=(\S+)/)?.[1] ?? 'unknown';
}

function packageVersion(name: string): string {
  // Some packages do not export their package.json.
  const path = createRequire(import.meta.url)
    .resolve.paths(name)
    ?.map((folder) => `${folder}/${name}/package.json`);
  for (const file of path ?? []) {
    try {
      const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
      return version;
    } catch {
      // Not in this folder.
    }
  }
  return 'unknown';
}
