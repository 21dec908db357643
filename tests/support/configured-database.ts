import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from './database.js';
import { testRedisUrl } from './redis.js';

/** A database as an operator configures it, for programs that are run as processes of their own. */
export interface ConfiguredDatabase {
  /** Nothing of this process's environment but what a program needs to run, and the settings of the service. */
  readonly environment: Record<string, string>;
  /** A folder without a `.env`. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** On what this run tests with: a database on its server, or the embedded default in a data folder, which does not run. */
export async function configureDatabase(): Promise<ConfiguredDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-operator-'));
  const database = process.env.TEST_DATABASE_URL ? await createTestDatabase() : undefined;
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
