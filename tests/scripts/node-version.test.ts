import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it.each(['18.20.8', '20.9.0', '20.18.3'])('a build on Node.js %s says in a sentence that it is too old', (version) => {
  const pretend = `Object.defineProperty(process, 'version', { value: 'v${version}' })`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, 'scripts/build.mjs', '--generate-only'],
    { cwd: root, encoding: 'utf8' },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: `This needs Node.js 20.19 or newer, and runs on ${version}.\n`,
  });
});
