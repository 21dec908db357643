import { existsSync, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePrivateFolder } from './data-folder.js';

/** A socket's path has at most 103 bytes on macOS and 107 on Linux; the longest file name we append has 17. */
const longestFolder = 103 - '/.s.PGSQL.5432'.length - 3;

/**
 * Creates the folder for the sockets of a data folder, if it is missing. It is inside the data folder, so that every process
 * finds it, whatever its environment and however it writes the path.
 *
 * @param dataDir the data folder's real path
 * @throws DataFolderError when the folder belongs to another user
 */
export async function makeSocketFolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'run');
  await makePrivateFolder(folder);
  return addressable(folder);
}

/** The same without creating it; undefined when it does not exist. */
export async function findSocketFolder(dataDir: string): Promise<string | undefined> {
  const path = await realpath(dataDir).catch(() => undefined);
  if (path === undefined) return undefined;
  const folder = join(path, 'run');
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() ? addressable(folder) : undefined;
}

/** Short paths that this process created for folders whose path is too long for a socket's address. */
const shortPaths = new Map<string, string>();

/** A path to the folder that fits into a socket's address. Valid in this process only. */
function addressable(folder: string): string {
  if (Buffer.byteLength(folder) <= longestFolder) return folder;
  const known = shortPaths.get(folder);
  if (known !== undefined) return known;
  const short = existsSync('/proc/self/fd') ? throughDescriptor(folder) : throughLink(folder);
  shortPaths.set(folder, short);
  return short;
}

/** Linux: a path through an open descriptor, which no clean-up of temporary files can remove. */
function throughDescriptor(folder: string): string {
  return `/proc/self/fd/${openSync(folder, 'r')}`;
}

function throughLink(folder: string): string {
  const base = Buffer.byteLength(tmpdir()) <= longestFolder - 20 ? tmpdir() : '/tmp';
  const own = mkdtempSync(join(base, 'chat-api-'));
  process.once('exit', () => rmSync(own, { recursive: true, force: true }));
  const link = join(own, 'run');
  symlinkSync(folder, link);
  return link;
}
