import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buildWebClient } from '../../scripts/web-client.mjs';
import { root } from '../docs/pages.js';

let built: Promise<string> | undefined;

/** Builds the web client from its sources, once in a process. @returns the folder, which goes with the process */
export function buildTestClient(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const cache = join(root, 'node_modules/.cache');
  statSync(cache);
  const folder = await mkdtemp(join(cache, 'web-client-'));
  await buildWebClient(root, relative(root, folder));
  process.once('exit', () => void rm(folder, { recursive: true, force: true }));
  return folder;
}
