import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ConfiguredDatabase } from './configured-database.js';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

const program = fileURLToPath(new URL('../../dist/manage.js', import.meta.url));

/** Runs a built operator's command as `npm run manage -- …` does, without a terminal to prompt on. */
export async function manage(
  { environment, folder }: Pick<ConfiguredDatabase, 'environment' | 'folder'>,
  args: string[],
  more: Record<string, string> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...environment, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [code, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}
