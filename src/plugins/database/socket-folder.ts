import { createHash } from 'node:crypto';
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A socket's path has at most 103 bytes on macOS and 107 on Linux; the longest name we put behind the folder has 17. */
const longestFolder = 103 - '/.s.PGSQL.5432'.length - 3;

/**
 * The folder for the sockets of a data folder, the same for every process that asks: inside it, or, where that path is
 * too long for a socket, in the system's folder for temporary files.
 */
export async function socketFolder(dataDir: string): Promise<string> {
  const inside = join(dataDir, 'run');
  return Buffer.byteLength(inside) <= longestFolder ? inside : join(tmpdir(), `chat-api-${await nameOf(dataDir)}`);
}

/**
 * Makes it so that only this user may enter, which is what protects the database: it asks for no password.
 *
 * @throws Error when the folder is somebody else's
 */
export async function makeSocketFolder(dataDir: string): Promise<string> {
  const folder = await socketFolder(dataDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder);
  if (process.getuid && (uid !== process.getuid() || (mode & 0o077) !== 0)) {
    throw new Error(`${folder} must be a folder that only this user may enter (mode 700).`);
  }
  return folder;
}

/** A short name for a data folder, however its path is written. */
export async function nameOf(dataDir: string): Promise<string> {
  const path = await realpath(dataDir).catch(() => resolve(dataDir));
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}
