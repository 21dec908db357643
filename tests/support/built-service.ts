import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createTestDatabase } from './database.js';
import { testDatabaseSource } from './test-database-source.js';

/**
 * Starts the built service as a new user does, on an empty database: the embedded one in a folder of its own, or one on the server
 * that the tests use. It is removed at the end of the test.
 */
export async function emptyInstallation() {
  const folder = await mkdtemp(join(tmpdir(), 'chat-built-'));
  const database = testDatabaseSource().kind === 'embedded' ? undefined : await createTestDatabase();
  const started: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const service of started) service.kill('SIGKILL');
    await database?.drop();
    await rm(folder, { recursive: true });
  });
  return {
    /** Its database; undefined for the embedded one, which is the service's own. */
    databaseUrl: database?.url,

    start(port: number, stdio: StdioOptions, environment: NodeJS.ProcessEnv = {}): ChildProcess {
      const service = spawn(process.execPath, ['dist/server.js'], {
        cwd: join(import.meta.dirname, '../..'),
        env: {
          PATH: process.env.PATH,
          PORT: String(port),
          DATA_DIR: join(folder, 'data'),
          DATABASE_URL: database?.url ?? '',
          // The first start prints the next steps.
          NODE_ENV: 'development',
          ...environment,
        },
        stdio,
      });
      started.push(service);
      return service;
    },
  };
}
