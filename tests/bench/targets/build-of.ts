import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Keeper } from '../../support/keeper.js';
import { CannotRun } from '../cannot-run.js';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const LOCK = 'package-lock.json';

/**
 * Builds the service as it was at a commit, in a folder that goes with the keeper, and returns the folder. Where the packages
 * were the same, they are those that are here.
 * @throws CannotRun when there is no such commit
 */
export async function buildOf(ref: string, keeper: Keeper): Promise<string> {
  const folder = await keeper.folder('chat-api-before');
  const { stdout } = await run('git', ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], { cwd: PROJECT }).catch(
    () => {
      throw new CannotRun(`There is no commit "${ref}".`);
    },
  );
  const archive = join(folder, 'sources.tar');
  await run('git', ['archive', `--output=${archive}`, stdout.trim()], { cwd: PROJECT });
  await run('tar', ['-xf', archive, '-C', folder]);
  const [then, now] = await Promise.all([folder, PROJECT].map((root) => readFile(join(root, LOCK), 'utf8')));
  if (then === now) await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  else await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  await run(process.execPath, ['scripts/build.mjs', '--force'], { cwd: folder });
  return folder;
}
