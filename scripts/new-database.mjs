// A new embedded database, packed: making one takes seconds and 700 MB, which a first start then does not need.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

/**
 * Writes the pack to `target`. What was made before with the same PGlite is kept in node_modules/.cache and used again.
 *
 * @param {string} root the project
 * @param {string} target
 */
export async function packNewDatabase(root, target) {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'));
  const kept = join(root, `node_modules/.cache/new-database-${version}.pack`);
  if (!existsSync(kept)) {
    mkdirSync(dirname(kept), { recursive: true });
    const unfinished = `${kept}.${process.pid}`;
    writeFileSync(unfinished, await makeAndPack());
    renameSync(unfinished, kept);
  }
  writeFileSync(target, readFileSync(kept));
}

async function makeAndPack() {
  const { PGlite } = await import('@electric-sql/pglite');
  const scratch = mkdtempSync(join(tmpdir(), 'new-database-'));
  const folder = join(scratch, 'postgres');
  try {
    const database = await PGlite.create(folder);
    await database.close();
    return pack(folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * The folder as src/plugins/database/new-database.ts unpacks it: four bytes with the length of the index, the index as JSON, and the
 * files one by one, compressed. Equal files are there once: a new PostgreSQL is three databases that are the same.
 *
 * @param {string} folder
 */
export function pack(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const pathOf = (entry) =>
    join(entry.parentPath, entry.name)
      .slice(folder.length + 1)
      .replaceAll('\\', '/');
  const contents = [];
  const places = new Map();
  let end = 0;
  const place = (bytes) => {
    const key = bytes.toString('latin1');
    if (!places.has(key)) {
      const compressed = deflateRawSync(bytes);
      contents.push(compressed);
      places.set(key, [end, compressed.length]);
      end += compressed.length;
    }
    return places.get(key);
  };
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(pathOf)
    .sort();
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => [pathOf(entry), ...place(readFileSync(join(entry.parentPath, entry.name)))]);
  const index = Buffer.from(JSON.stringify({ folders, files }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(index.length);
  return Buffer.concat([length, index, ...contents]);
}
