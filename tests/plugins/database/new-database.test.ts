import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { unpackDatabase } from '../../../src/plugins/database/new-database.js';

const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'new-database-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('what the build packs comes out as it was, for this user alone', async () => {
  const source = join(folder, 'source');
  const files = {
    PG_VERSION: '18\n',
    'base/1/1259': 'the same',
    'base/5/1259': 'the same',
    'base/5/2619': '',
    'pg_wal/000000010000000000000001': '\0'.repeat(1_000_000),
  };
  for (const path of ['base/1', 'base/5', 'pg_wal', 'pg_notify']) await mkdir(join(source, path), { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(source, path), text, { mode: 0o644 });

  const packed = join(folder, 'pack');
  const script = `import { writeFileSync } from 'node:fs'; import { pack } from './scripts/new-database.mjs';
    writeFileSync(process.argv[1], pack(process.argv[2]));`;
  await run(process.execPath, ['--input-type=module', '-e', script, packed, source]);
  // Of a megabyte, nearly all of it zeros.
  expect((await stat(packed)).size).toBeLessThan(10_000);

  const target = join(folder, 'target');
  await mkdir(target);
  unpackDatabase(packed, target);
  expect((await readdir(target, { recursive: true })).sort()).toEqual(
    (await readdir(source, { recursive: true })).sort(),
  );
  for (const [path, text] of Object.entries(files)) {
    expect(await readFile(join(target, path), 'utf8')).toBe(text);
    expect((await stat(join(target, path))).mode & 0o777).toBe(0o600);
  }
  expect((await stat(join(target, 'base'))).mode & 0o777).toBe(0o700);
});
