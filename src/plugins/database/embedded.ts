import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { askLockHolder, lockDataFolder } from './embedded-lock.js';
import type { EmbeddedOrder, EmbeddedReady } from './embedded-worker.js';
import { socketFolder } from './socket-folder.js';

/** The embedded PostgreSQL of this process. */
export interface Embedded {
  /** For pg, Prisma and psql alike. */
  readonly url: string;
  /** Ends every connection, writes what is left to disk and lets the data folder go. */
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** A tar file of a data folder, to begin an in-memory database with. */
  template?: string;
}

const onWindows = process.platform === 'win32';

/**
 * Starts PGlite, a real PostgreSQL 18, in a thread of its own and listens where only this user can connect: at a Unix
 * socket inside the data folder, on Windows at a free port of 127.0.0.1. The data is in `<dataDir>/postgres`; without a
 * data folder it is in memory and gone after `close()`. What it acknowledged survives the death of its process, but not
 * always the machine's: PGlite leaves the writing to disk to the system.
 *
 * Should the thread ever fail, the process ends as by any uncaught error.
 *
 * @throws DataFolderBusyError when another process runs on the data folder
 */
export function startEmbedded(dataDir?: string, options: EmbeddedOptions = {}): Promise<Embedded> {
  return dataDir ? startOnDisk(resolve(dataDir)) : startInMemory(options);
}

/**
 * The URL of the embedded database that another process (or this one) runs on the data folder, once it accepts
 * connections; undefined when none does. For the operator's commands and Prisma Studio.
 */
export async function findRunningEmbedded(dataDir: string): Promise<string | undefined> {
  return askLockHolder(resolve(dataDir));
}

async function startOnDisk(dataDir: string): Promise<Embedded> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDataFolder(dataDir);
  try {
    const socket = onWindows ? undefined : join(await socketFolder(dataDir), socketName);
    if (socket) await rm(socket, { force: true });
    const thread = await startThread({ folder: join(dataDir, 'postgres'), socket });
    lock.announce(thread.url);
    return {
      url: thread.url,
      async close() {
        await thread.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startInMemory({ template }: EmbeddedOptions): Promise<Embedded> {
  const folder = onWindows ? undefined : await mkdtemp(join(tmpdir(), 'chat-api-'));
  const thread = await startThread({ template, socket: folder && join(folder, socketName) });
  return {
    url: thread.url,
    async close() {
      await thread.stop();
      if (folder) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The name that pg and psql look for when their host is a folder. */
const socketName = '.s.PGSQL.5432';

async function startThread(order: EmbeddedOrder): Promise<{ url: string; stop(): Promise<void> }> {
  const worker = startWorker(order);
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const { address } = await firstMessage(worker);
  return {
    url: order.socket
      ? `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(dirname(order.socket))}`
      : `postgresql://postgres@${address}/postgres`,
    async stop() {
      worker.postMessage('stop');
      const late = setTimeout(() => worker.terminate(), 5_000);
      await exited;
      clearTimeout(late);
    },
  };
}

function firstMessage(worker: Worker): Promise<EmbeddedReady> {
  return new Promise((resolve, reject) => {
    const ended = (code: number) =>
      reject(new Error(`The embedded database ended with code ${code} while it started.`));
    worker.once('error', reject);
    worker.once('exit', ended);
    worker.once('message', (ready: EmbeddedReady) => {
      // From here on nobody listens to errors, so that one ends the process.
      worker.off('error', reject).off('exit', ended);
      resolve(ready);
    });
  });
}

/** Built, the thread is a file beside this one. Run from TypeScript (tsx, vitest), it has to load tsx for itself first. */
function startWorker(order: EmbeddedOrder): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./embedded-worker.js', import.meta.url), { workerData: order });
  }
  const tsx = import.meta.resolve('tsx/esm/api');
  const source = new URL('./embedded-worker.ts', import.meta.url).href;
  const bootstrap = `import('${tsx}').then((tsx) => { tsx.register(); return import('${source}'); });`;
  return new Worker(bootstrap, { eval: true, workerData: order, execArgv: [] });
}
