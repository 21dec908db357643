import { execFileSync } from 'node:child_process';
import { MissingProgramError } from './server-program.js';

/** Who a server runs as. PostgreSQL and PgBouncer refuse root, so root lends them the account `postgres`. */
export type Account = { uid: number; gid: number } | undefined;

/** @throws MissingProgramError when root has no such account to lend */
export function accountToUse(): Account {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return { uid: numberOf('-u'), gid: numberOf('-g') };
  } catch {
    throw new MissingProgramError('PostgreSQL does not run as root, and there is no user "postgres" to run it as.');
  }
}

function numberOf(option: '-u' | '-g'): number {
  return Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}
