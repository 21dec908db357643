import { once } from 'node:events';
import { mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { DataFolderBusyError } from './errors.js';
import { makeSocketFolder, nameOf, socketFolder } from './socket-folder.js';

/** The right to be the only process on a data folder. */
export interface DataFolderLock {
  /** Tells whoever asks at the lock, from now on and also those already waiting, where the database is. */
  announce(url: string): void;
  release(): Promise<void>;
}

/**
 * Takes the data folder until `release()`, or until the process ends in whatever way: the lock is a listening socket,
 * which the system closes with its process. Neither a file left by a killed process nor a process id used again can look
 * like a lock.
 *
 * @throws DataFolderBusyError when another process holds it
 */
export async function lockDataFolder(dataDir: string): Promise<DataFolderLock> {
  if (!isPipe) await makeSocketFolder(dataDir);
  const path = await lockPath(dataDir);
  const asking = new Set<Socket>();
  let announced: string | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => asking.delete(socket));
    if (announced) socket.end(announced);
    else asking.add(socket);
  });
  server.unref();
  const take = async () => {
    const holder = await reach(path);
    holder?.destroy();
    if (holder) throw new DataFolderBusyError(dataDir);
    if (!isPipe) await rm(path, { force: true });
    if (!(await listen(server, path))) throw new DataFolderBusyError(dataDir);
  };
  await (isPipe ? take() : oneAtATime(`${path}.turn`, take));
  return {
    announce(url) {
      announced = url;
      for (const socket of asking) socket.end(url);
    },
    async release() {
      for (const socket of asking) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What the process that holds the data folder announces, which may take until it has started; undefined without one. */
export async function askLockHolder(dataDir: string): Promise<string | undefined> {
  const socket = await reach(await lockPath(dataDir));
  if (!socket) return undefined;
  socket.setTimeout(10_000, () => socket.destroy(new Error(`The process that runs ${dataDir} does not answer.`)));
  return (await text(socket)) || undefined;
}

/** On Windows a pipe, whose name is exclusive and ends with its process. */
const isPipe = process.platform === 'win32';

async function lockPath(dataDir: string): Promise<string> {
  return isPipe ? `\\\\.\\pipe\\chat-api-${await nameOf(dataDir)}` : join(await socketFolder(dataDir), 'lock');
}

/** A connection to whoever listens there, or nothing. */
function reach(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
  });
}

/** False when somebody was quicker. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(path, () => resolve(true));
  });
}

/**
 * Removing a dead socket and making one in its place are two steps, which two processes that start together may not
 * mix. A turn takes milliseconds; one that is older than two seconds was left by a killed process.
 */
async function oneAtATime(turn: string, task: () => Promise<void>): Promise<void> {
  while (!(await makeFolder(turn))) {
    const since = await stat(turn).catch(() => undefined);
    if (since && Date.now() - since.mtimeMs > 2_000) await rmdir(turn).catch(() => {});
    else await delay(20);
  }
  try {
    await task();
  } finally {
    await rmdir(turn).catch(() => {});
  }
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
