import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { openDataFolder } from './data-folder.js';
import { askLockHolder, lockDataFolder } from './embedded-lock.js';
import type { EmbeddedFailure, EmbeddedReady, EmbeddedWorkerOptions } from './embedded-worker.js';
import { DataFolderError } from './errors.js';
import { findSocketFolder, makeSocketFolder } from './socket-folder.js';

/** The embedded PostgreSQL of this process. */
export interface Embedded {
  /** Works with pg, Prisma and psql. */
  readonly url: string;
  /** Closes every connection, writes pending data to disk and unlocks the data folder. */
  close(): Promise<void>;
}

const onWindows = process.platform === 'win32';

/**
 * Starts PGlite, a real PostgreSQL 18, in a worker thread and listens where only this user can connect: on a Unix socket inside
 * the data folder; on Windows on a free port of 127.0.0.1. The data is in `<dataDir>/postgres`; without a data folder it is in
 * memory and lost at `close()`. Committed data survives a crash of the process, but not always one of the machine: PGlite leaves
 * flushing to disk to the operating system.
 *
 * If the thread fails later, the process ends as with any uncaught error.
 *
 * @throws DataFolderBusyError when another process runs on the data folder
 * @throws DataFolderError when the folder or its volume cannot be used
 */
export function startEmbedded(dataDir?: string): Promise<Embedded> {
  return dataDir ? startOnDisk(resolve(dataDir)) : startInMemory();
}

/**
 * The URL of the embedded database that another process (or this one) runs on the data folder, once it accepts connections;
 * undefined when no process runs one. For the operator's commands and Prisma Studio.
 */
export async function findRunningEmbedded(dataDir: string): Promise<string | undefined> {
  const announced = await askLockHolder(resolve(dataDir));
  // The holder may see the folder under another path, for instance in a container.
  return onWindows || announced === undefined ? announced : ownUrl(await findSocketFolder(resolve(dataDir)));
}

function ownUrl(folder: string | undefined): string | undefined {
  return folder && urlAt(folder);
}

function urlAt(folder: string): string {
  return `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`;
}

async function startOnDisk(given: string): Promise<Embedded> {
  const dataDir = await openDataFolder(given);
  const lock = await lockDataFolder(dataDir);
  try {
    const socket = onWindows ? undefined : join(await makeSocketFolder(dataDir), socketName);
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
    throw error instanceof StartFailure ? new DataFolderError(given, await reasonFor(dataDir, error)) : error;
  }
}

/** Why the database did not start. PGlite's own message does not name a full volume. */
async function reasonFor(dataDir: string, { message, code }: StartFailure): Promise<string> {
  const { bavail, bsize, ffree, files } = await statfs(dataDir);
  const isFull = bavail * bsize < leastFreeBytes || (files > 0 && ffree === 0);
  if (code === 'ENOSPC' || isFull) return 'there is no space left on its volume; make room, or choose another DATA_DIR';
  return `the database in it cannot be opened: ${message.replace(/\.$/, '')}`;
}

/** The size of one WAL segment, which a start may have to write. */
const leastFreeBytes = 16 * 1024 * 1024;

/** The worker's reason for not starting. */
class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly code: string | undefined;

  constructor({ message, code }: EmbeddedFailure['failure']) {
    super(message);
    this.code = code;
  }
}

async function startInMemory(): Promise<Embedded> {
  const folder = onWindows ? undefined : await mkdtemp(join(tmpdir(), 'chat-api-'));
  const thread = await startThread({ socket: folder && join(folder, socketName) });
  return {
    url: thread.url,
    async close() {
      await thread.stop();
      if (folder) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The socket name that pg and psql expect in a folder given as host. */
const socketName = '.s.PGSQL.5432';

async function startThread(options: EmbeddedWorkerOptions): Promise<{ url: string; stop(): Promise<void> }> {
  const worker = startWorker(options);
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const { address } = await firstMessage(worker);
  return {
    url: options.socket ? urlAt(dirname(options.socket)) : `postgresql://postgres@${address}/postgres`,
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
    worker.once('message', (first: EmbeddedReady | EmbeddedFailure) => {
      worker.off('exit', ended);
      if ('failure' in first) return reject(new StartFailure(first.failure));
      // Without a listener, later errors of the thread end the process.
      worker.off('error', reject);
      resolve(first);
    });
  });
}

/** In a build the worker is a file beside this one. When run from TypeScript (tsx, vitest) the worker has to load tsx first. */
function startWorker(options: EmbeddedWorkerOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./embedded-worker.js', import.meta.url), { workerData: options });
  }
  const tsx = import.meta.resolve('tsx/esm/api');
  const source = new URL('./embedded-worker.ts', import.meta.url).href;
  const bootstrap = `import('${tsx}').then((tsx) => { tsx.register(); return import('${source}'); });`;
  return new Worker(bootstrap, { eval: true, workerData: options, execArgv: [] });
}
