import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

/** A new database as the build packed it, beside the built files. Where the service runs from its sources there is none. */
export const NEW_DATABASE = fileURLToPath(new URL('./new-database.pack', import.meta.url));

/** See scripts/new-database.mjs. */
interface Index {
  folders: string[];
  /** Path, place after the index and length, in bytes. */
  files: [string, number, number][];
}

/** Writes the packed files into an empty folder, for this user alone. @throws the file system's errors */
export function unpackDatabase(packed: string, folder: string): void {
  const bytes = readFileSync(packed);
  const start = 4 + bytes.readUInt32BE();
  const index: Index = JSON.parse(bytes.toString('utf8', 4, start));
  for (const path of index.folders) mkdirSync(join(folder, path), { mode: 0o700 });
  for (const [path, place, length] of index.files) {
    const content = inflateRawSync(bytes.subarray(start + place, start + place + length));
    writeFileSync(join(folder, path), content, { mode: 0o600 });
  }
}
