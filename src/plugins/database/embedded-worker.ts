// The thread that is the embedded database: PGlite computes on the thread that calls it, and the service's thread has
// sockets to serve.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { SharedSession } from './embedded-session.js';

/** What the thread is started with. */
export interface EmbeddedOrder {
  /** Where the database lives; in memory without it. */
  folder?: string;
  /** A tar file of a data folder to begin an in-memory database with. */
  template?: string;
  /** The Unix socket to listen on; a free port of 127.0.0.1 without it. */
  socket?: string;
}

/** What the thread says once, when it accepts connections: the socket's path or 127.0.0.1 and the port. */
export interface EmbeddedReady {
  address: string;
}

const order: EmbeddedOrder = workerData;
const database = await open(order);
const server = new PGLiteSocketServer({
  db: database,
  ...(order.socket ? { path: order.socket } : { host: '127.0.0.1', port: 0 }),
  maxConnections: 200,
});
await server.start();
parentPort?.once('message', async () => {
  await server.stop();
  await database.close();
  process.exit(0);
});
const ready: EmbeddedReady = { address: server.getServerConn() };
parentPort?.postMessage(ready);

async function open({ folder, template }: EmbeddedOrder): Promise<SharedSession> {
  if (folder) await initialise(folder);
  return SharedSession.open({
    dataDir: folder,
    loadDataDir: template ? new Blob([readFileSync(template)]) : undefined,
  });
}

/** Makes a new database beside its place and moves it there complete: a first start that is killed leaves nothing. */
async function initialise(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  const database = await PGlite.create(unfinished);
  await database.close();
  renameSync(unfinished, folder);
}
