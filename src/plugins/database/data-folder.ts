import { chmod, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { DataFolderError } from './errors.js';

/** Folders that the service creates inside the data folder, besides the socket folder. */
const INNER_FOLDERS = ['postgres', 'postgres.unfinished'];

/**
 * Creates the data folder if it is missing and returns its real path. Sets the service's own folders inside it to mode 700,
 * since a backup, a mount or a `chmod -R` may have widened them and their files are readable by everybody. The data folder
 * itself may be shared and keeps its mode.
 *
 * @throws DataFolderError
 */
export async function openDataFolder(dataDir: string): Promise<string> {
  try {
    await makeFolders(dataDir);
    const path = await realpath(dataDir);
    if (!(await lstat(path)).isDirectory()) throw new DataFolderError(dataDir, 'it is a file');
    // Worker threads cannot set the umask; only tests run this in one.
    if (isMainThread) process.umask(0o077);
    for (const name of INNER_FOLDERS) await makePrivate(join(path, name));
    return path;
  } catch (error) {
    throw DataFolderError.of(dataDir, error);
  }
}

/**
 * Creates a folder and those above it that are missing. Node's own `recursive` tries for ever where the file system answers
 * ENOENT although the folder above is there, as in /proc.
 */
async function makeFolders(folder: string): Promise<void> {
  await makeFolder(folder).catch(async (error: NodeJS.ErrnoException) => {
    const above = dirname(folder);
    if (error.code !== 'ENOENT' || above === folder) throw error;
    await makeFolders(above);
    await makeFolder(folder);
  });
}

/** Creates a folder unless it is there. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw error;
  });
}

/** Creates a folder with mode 700, or sets an existing one to it. @throws DataFolderError */
export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await makePrivate(folder);
  } catch (error) {
    throw DataFolderError.of(folder, error);
  }
}

/**
 * Sets an existing folder to mode 700. Refuses a symbolic link: its creator would decide where the data is stored, and two data
 * folders could share one database.
 */
async function makePrivate(folder: string): Promise<void> {
  const found = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isDirectory()) throw new DataFolderError(folder, 'it must be a folder, not a file or a symbolic link');
  if (process.getuid === undefined) return;
  if (found.uid !== process.getuid()) {
    throw new DataFolderError(
      folder,
      `it belongs to user ${found.uid}, and this process runs as user ${process.getuid()}; run as its owner, or change the owner`,
    );
  }
  if ((found.mode & 0o7777) !== 0o700) await chmod(folder, 0o700);
}
