// The worker thread of the embedded database. PGlite runs on the thread that calls it and would block the service's.
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { collectStartGarbage } from '../../start-garbage.js';
import { SharedSession } from './embedded-session.js';
import { NEW_DATABASE, unpackDatabase } from './new-database.js';

/** The worker's `workerData`. */
export interface EmbeddedWorkerOptions {
  /** The database's folder; without it the database is in memory. */
  folder?: string;
  /** The Unix socket to listen on; without it a free port of 127.0.0.1. */
  socket?: string;
}

/** The worker's first message once it accepts connections. `address`: the socket's path, or 127.0.0.1 and the port. */
export interface EmbeddedReady {
  address: string;
}

/** The worker's first message when it cannot start; it then exits. */
export interface EmbeddedFailure {
  failure: { message: string; code: string | undefined };
}

/** https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#-errno-variant */
const WASI_ENOSPC = 51;

const options: EmbeddedWorkerOptions = workerData;
const database = await open(options).catch((error: unknown) => {
  const failed: EmbeddedFailure = { failure: { message: messageOf(error), code: codeOf(error) } };
  parentPort?.postMessage(failed);
  process.exit(1);
});
const server = new PGLiteSocketServer({
  db: database,
  ...(options.socket ? { path: options.socket } : { host: '127.0.0.1', port: 0 }),
  maxConnections: 200,
});
await server.start();
parentPort?.once('message', async () => {
  await server.stop();
  await database.close();
  process.exit(0);
});
collectStartGarbage();
const ready: EmbeddedReady = { address: server.getServerConn() };
parentPort?.postMessage(ready);

async function open({ folder }: EmbeddedWorkerOptions): Promise<SharedSession> {
  if (folder) await initialise(folder);
  return SharedSession.open({ dataDir: folder });
}

/** Creates a new database in a temporary folder and renames it when complete, so that a killed first start leaves none. */
async function initialise(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (existsSync(NEW_DATABASE)) unpackDatabase(NEW_DATABASE, unfinished);
  else await (await PGlite.create(unfinished)).close();
  chmodSync(unfinished, 0o700);
  renameSync(unfinished, folder);
}

/** PGlite's file system throws objects that are not Errors and carry a WASI error number. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'errno' in error && error.errno === WASI_ENOSPC ? 'ENOSPC' : undefined;
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('message' in error && typeof error.message === 'string' && error.message !== '') return error.message;
  return 'errno' in error ? `a file operation failed with number ${error.errno} of WASI` : 'it does not say why';
}
