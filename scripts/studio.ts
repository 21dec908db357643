// Opens Prisma Studio on the database that the service uses: the one of DATABASE_URL, or the embedded one, which is started
// for it when the service does not run. Flags are Prisma's: --port, --browser.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../src/config.js';
import { sentenceOf } from '../src/operator/command-error.js';
import { locateDatabase } from '../src/operator/locate-database.js';
import { applyMigrations } from '../src/plugins/database/migrations.js';
import { bridgeToTcp } from './socket-bridge.js';

/** How long Studio may take to end before it is killed, in milliseconds. */
const PATIENCE_MS = 3000;

try {
  process.exitCode = await browse();
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`);
  process.exitCode = 1;
}

/** Resolves to the exit code once Studio has ended and with it all that was started for it. */
async function browse(): Promise<number> {
  const database = await locateDatabase(loadConfig());
  try {
    await applyMigrations(database.url);
    // Studio's driver knows no Unix sockets. It serves the data to all of this machine anyway, as the bridge does.
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
    // The URL travels in the environment, for arguments can be read by everybody on this machine.
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
    endInTime(studio);
  };
  // SIGHUP: the terminal was closed, or npm, which ends at Ctrl-C without waiting for us, was its first process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const [code]: (number | null)[] = await once(studio, 'exit');
  return stopped ? 0 : (code ?? 1);
}

function endInTime(studio: ChildProcess): void {
  studio.kill('SIGTERM');
  const timer = setTimeout(() => studio.kill('SIGKILL'), PATIENCE_MS);
  studio.once('exit', () => clearTimeout(timer));
}
