import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { folderWith } from './server-program.js';

const run = promisify(execFile);

/** The output of a `redis-cli` that signs in with the password. @throws Error for an answer that is an error */
export async function redisCli(password: string, words: readonly string[]): Promise<string> {
  const program = join(folderWith(['redis-cli'], [], 'Debian: apt install redis-tools.'), 'redis-cli');
  const { stdout } = await run(program, ['-e', ...words], { env: { REDISCLI_AUTH: password }, timeout: 20_000 });
  return stdout.trim();
}
