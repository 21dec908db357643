import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../docs/pages.js';
import { findChromium } from '../support/chromium.js';

/** Width and height of a PNG (https://www.w3.org/TR/png-3/#11IHDR). */
async function sizeOf(file: string): Promise<[width: number, height: number]> {
  const bytes = await readFile(file);
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

it.skipIf(findChromium() === undefined)(
  'npm run screenshots takes the pictures that the pages show (skipped without a Chromium)',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-pictures-'));
    try {
      await promisify(execFile)('npm', ['run', '--silent', 'screenshots', '--', folder], { cwd: root });
      const shown = join(root, 'docs/pictures');
      expect((await readdir(folder)).sort()).toEqual((await readdir(shown)).sort());
      for (const name of await readdir(folder))
        expect(await sizeOf(join(folder, name))).toEqual(await sizeOf(join(shown, name)));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
