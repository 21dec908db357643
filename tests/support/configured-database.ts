import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createTestDatabase } from './database.js';
import { testRedisUrl } from './redis.js';
import { testDatabaseSource } from './test-database-source.js';

/** A database as an operator configures it, for programs that are run as processes of their own. */
export interface ConfiguredDatabase {
  /** The service's settings, and of this process's environment only what a program needs to run. */
  readonly environment: Record<string, string>;
  /** A folder without a `.env`. */
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * A database on this run's server, or a data folder for the embedded default, which is not started. With `prepared`, the folder holds
 * a migrated database, because a first start takes many times as long as a later one.
 */
export async function configureDatabase({ prepared = false } = {}): Promise<ConfiguredDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-operator-'));
  const database = testDatabaseSource().kind === 'postgres' ? await createTestDatabase() : undefined;
  if (prepared) await prepare(join(folder, 'data', 'postgres'));
  return {
    folder,
    environment: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: database?.url ?? '',
      REDIS_URL: testRedisUrl() ?? '',
    },
    async remove() {
      await database?.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function prepare(dataFolder: string): Promise<void> {
  const source = testDatabaseSource();
  if (source.kind !== 'embedded') return;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  await promisify(execFile)('tar', ['-xf', source.template, '-C', dataFolder]);
}
