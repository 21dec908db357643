// Opens Prisma Studio on the service's database: that of DATABASE_URL, or the embedded one, which is started if the service does
// not run. Takes Prisma's flags: --port, --browser.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../src/config/config.js';
import { sentenceOf } from '../src/operator/command-error.js';
import { locateDatabase } from '../src/operator/locate-database.js';
import { applyMigrations } from '../src/plugins/database/migrations.js';
import { bridgeToTcp } from './socket-bridge.js';

/** How long Studio may take to exit before it is killed, in milliseconds. */
const TIMEOUT_MS = 3000;

try {
  process.exitCode = await browse();
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`);
  process.exitCode = 1;
}

/** Runs Studio. Resolves to its exit code once it has exited and everything started for it is closed. */
async function browse(): Promise<number> {
  const database = await locateDatabase(loadConfig());
  try {
    await applyMigrations(database.url);
    // Studio's driver does not support Unix sockets. The bridge exposes no more than Studio, which serves the data to every
    // user of this machine.
    if (!new URL(database.url).searchParams.has('host')) return await runStudio(database.url);
    const bridge = await bridgeToTcp(database.url);
    return await runStudio(bridge.url).finally(() => bridge.close());
  } finally {
    await database.close();
  }
}

async function runStudio(databaseUrl: string): Promise<number> {
  const prisma = fileURLToPath(import.meta.resolve('prisma/build/index.js'));
  const studio = spawn(process.execPath, [prisma, 'studio', ...process.argv.slice(2)], {
    stdio: 'inherit',
    // The URL is passed in the environment, since every user of this machine can read arguments.
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      // Prisma downloads a schema engine, which Studio does not need, unless a path is set; any existing file will do.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  });
  let stopped = false;
  const stop = () => {
    stopped = true;
    terminate(studio);
  };
  // SIGHUP: the terminal was closed, or npm, the terminal's first process, has exited at Ctrl-C without waiting for us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const [code]: (number | null)[] = await once(studio, 'exit');
  return stopped ? 0 : (code ?? 1);
}

function terminate(studio: ChildProcess): void {
  studio.kill('SIGTERM');
  const timer = setTimeout(() => studio.kill('SIGKILL'), TIMEOUT_MS);
  studio.once('exit', () => clearTimeout(timer));
}
