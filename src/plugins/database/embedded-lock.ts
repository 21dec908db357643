import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { DataFolderBusyError } from './errors.js';
import { findSocketFolder, makeSocketFolder } from './socket-folder.js';

/** Exclusive use of a data folder. */
export interface DataFolderLock {
  /** Sends the database's URL to every process that asks at the lock, including those already waiting. */
  announce(url: string): void;
  release(): Promise<void>;
}

/** How long another process may take to answer at its lock, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** How long to wait for a lock's holder to say so, in milliseconds. A holder answers at once; a contender stays silent. */
const HOLDER_REPLY_MS = 50;

/**
 * Locks the data folder until `release()` or until the process ends, however it ends: the lock is a listening socket in the
 * folder, which the operating system closes with its process. A file left by a killed process or a reused process id cannot
 * look like a lock, and processes in different containers see each other through a shared folder.
 *
 * Every process listens on a socket with a name of its own *before* it checks the others. Of two contenders the one that checks
 * later sees the other, so no interleaving lets both take the lock.
 *
 * @param dataDir the folder's real path
 * @throws DataFolderBusyError when another process holds the lock
 */
export async function lockDataFolder(dataDir: string): Promise<DataFolderLock> {
  if (isPipe) return lockPipe(dataDir);
  const folder = await makeSocketFolder(dataDir);
  const deadline = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadline) {
    const lock = new SocketLock();
    const name = `lock-${randomBytes(4).toString('hex')}`;
    await lock.listen(join(folder, name));
    const state = await checkOtherLocks(folder, name);
    // A previous holder may have removed our socket as dead, just before it listened.
    const isThere = await lstat(join(folder, name)).then(
      () => true,
      () => false,
    );
    if (state === 'free' && isThere) {
      lock.hold();
      await removeDeadLocks(folder, name);
      return lock;
    }
    await lock.release();
    if (state === 'held') throw new DataFolderBusyError(dataDir);
    await delay(5 + Math.random() * 20);
  }
  throw new DataFolderBusyError(dataDir);
}

/** The URL that the lock's holder announces, which may take until it has started; undefined when nobody holds the lock. */
export async function askLockHolder(dataDir: string): Promise<string | undefined> {
  if (isPipe) return askAt(await pipeOf(dataDir));
  const folder = await findSocketFolder(dataDir);
  if (folder === undefined) return undefined;
  for (const name of await locksIn(folder)) {
    const announced = await askAt(join(folder, name));
    if (announced !== undefined) return announced;
  }
  return undefined;
}

/** On Windows the lock is a named pipe: its name is exclusive and disappears with its process. */
const isPipe = process.platform === 'win32';

const HELD = 'held\n';

/** The socket of one contender. It sends `held` once the contender holds the lock, then the announced URL. */
class SocketLock implements DataFolderLock {
  readonly #asking = new Set<Socket>();
  readonly #server: Server;
  #isHeld = false;
  #announced: string | undefined;

  constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#asking.delete(socket));
      if (this.#isHeld) socket.write(HELD);
      if (this.#announced !== undefined) socket.end(this.#announced);
      else this.#asking.add(socket);
    });
    this.#server.unref();
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, 'listening');
  }

  hold(): void {
    this.#isHeld = true;
    for (const socket of this.#asking) socket.write(HELD);
  }

  announce(url: string): void {
    this.#announced = url;
    for (const socket of this.#asking) socket.end(url);
  }

  /** Closing the server also removes the socket's file. */
  async release(): Promise<void> {
    for (const socket of this.#asking) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/**
 * Of several contenders the one whose name sorts first wins: the others give up as soon as they see an earlier name, and it
 * waits until they have closed their sockets.
 */
async function checkOtherLocks(folder: string, own: string): Promise<'free' | 'held' | 'contested'> {
  const names = await locksIn(folder);
  for (const name of names.filter((each) => each !== own)) {
    const socket = await tryConnect(join(folder, name));
    if (!socket) continue;
    if (name < own && name !== formerName) return (await sends(socket, HOLDER_REPLY_MS)) ? 'held' : 'contested';
    // A contender with a later name closes its socket; whatever stays open is a holder.
    if ((await sends(socket, TIMEOUT_MS)) !== false) return 'held';
  }
  return 'free';
}

/** True when the peer sends something, false when it closes without sending, undefined when neither happens in time. */
function sends(socket: Socket, timeoutMs: number): Promise<boolean | undefined> {
  return new Promise((done) => {
    const finish = (result: boolean | undefined) => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.once('data', () => finish(true));
    socket.once('end', () => finish(false));
    socket.on('error', () => finish(false));
  });
}

/** The single name that earlier versions used; a process of one may still run. */
const formerName = 'lock';

async function locksIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name === formerName || /^lock-[0-9a-f]{8}$/.test(name)).sort();
}

/** Only the holder removes sockets. A name is used once, so a dead socket stays dead. */
async function removeDeadLocks(folder: string, own: string): Promise<void> {
  for (const name of (await locksIn(folder)).filter((each) => each !== own)) {
    const socket = await tryConnect(join(folder, name));
    if (socket) socket.destroy();
    else await rm(join(folder, name), { force: true });
  }
}

async function askAt(path: string): Promise<string | undefined> {
  const socket = await tryConnect(path);
  if (!socket) return undefined;
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('The process that runs the database does not answer.')));
  return (await text(socket)).replace(HELD, '') || undefined;
}

/** A connection to the socket at `path`; undefined when nobody listens there. */
function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((done, reject) => {
    const socket = connect(path);
    socket.once('connect', () => done(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // ECONNRESET: the listener closed while we connected.
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')) done(undefined);
      else reject(error);
    });
  });
}

async function lockPipe(dataDir: string): Promise<DataFolderLock> {
  const lock = new SocketLock();
  await lock.listen(await pipeOf(dataDir)).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' || error.code === 'EACCES' ? new DataFolderBusyError(dataDir) : error;
  });
  lock.hold();
  return lock;
}

/** The pipe's name, which is the same however the folder's path is written. */
async function pipeOf(dataDir: string): Promise<string> {
  const path = await realpath(dataDir).catch(() => resolve(dataDir));
  return `\\\\.\\pipe\\chat-api-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
}
