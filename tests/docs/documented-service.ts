import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { testRedisUrl } from '../support/redis.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { type Block, root } from './pages.js';

const CREDENTIALS = {
  ADMIN_PASSWORD: 'an admin’s password',
  OAUTH_CLIENT_ID: 'readme',
  OAUTH_CLIENT_SECRET: 's:e c/r%e+t',
};

/** The built service, started as `npm start` does, and a shell beside it for the commands of the documentation. */
export interface DocumentedService {
  /** What a service or a command of the documentation finds in its environment. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs the blocks, pasted one after the other, and returns what they print. A block with the word `stopped` runs without the service. */
  paste(blocks: readonly Block[]): Promise<string>;
  close(): Promise<void>;
}

/** Starts it on what this run tests with: a server's database, or the embedded default in a folder. */
export async function startDocumentedService(): Promise<DocumentedService> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-docs-'));
  const database = testDatabaseSource().kind === 'embedded' ? undefined : await createTestDatabase();
  const origin = `http://127.0.0.1:${await freePort()}`;
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...CREDENTIALS,
    PORT: new URL(origin).port,
    DATA_DIR: join(folder, 'data'),
    DATABASE_URL: database?.url ?? '',
    REDIS_URL: testRedisUrl() ?? '',
    BACKUP: join(folder, 'backup'),
  };
  const edition = database ? 'postgres' : 'embedded';
  let stop = await start(environment, origin);

  async function run(commands: string): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', commands], {
      cwd: root,
      env: {
        ...environment,
        API: origin,
        CLIENT_ID: CREDENTIALS.OAUTH_CLIENT_ID,
        // As HTTP Basic wants it (RFC 6749 §2.3.1); what the first start generates needs no encoding.
        CLIENT_SECRET: encodeURIComponent(CREDENTIALS.OAUTH_CLIENT_SECRET),
      },
      timeout: 300_000,
    });
    if (stderr !== '') throw new Error(`The commands wrote to standard error: ${stderr}`);
    return stdout;
  }

  return {
    environment,
    async paste(blocks) {
      let printed = '';
      for (const { isStopped, commands } of partsOf(blocks, edition)) {
        if (isStopped) await stop();
        printed += await run(commands);
        if (isStopped) stop = await start(environment, origin);
      }
      return printed;
    },
    async close() {
      await stop();
      await database?.drop();
      await rm(folder, { recursive: true });
    },
  };
}

/** What is pasted into one shell: neighbours that need the service in one state. Blocks of the other edition are left out. */
function partsOf(blocks: readonly Block[], edition: 'postgres' | 'embedded') {
  const parts: { isStopped: boolean; commands: string }[] = [];
  for (const { words, text } of blocks) {
    if (words.includes(edition === 'postgres' ? 'embedded' : 'postgres')) continue;
    const isStopped = words.includes('stopped');
    const last = parts.at(-1);
    if (last?.isStopped === isStopped) last.commands += `\n${text}`;
    else parts.push({ isStopped, commands: text });
  }
  return parts;
}

/** Resolves when it listens, with what stops it. */
async function start(environment: NodeJS.ProcessEnv, origin: string): Promise<() => Promise<void>> {
  const service = spawn(process.execPath, ['dist/server.js'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => service.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    service.once('exit', (code) => reject(new Error(`The service ended with ${code} while it started.`)));
    // Read on after that: a service whose output nobody reads would wait for its reader.
    service.stdout.on('data', (line) => String(line).includes(origin) && resolve());
  });
  return async () => {
    service.kill('SIGTERM');
    await ended;
  };
}
