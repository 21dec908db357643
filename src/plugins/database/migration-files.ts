import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../project-folder.js';

export const SHIPPED_MIGRATIONS = join(PROJECT_FOLDER, 'prisma/migrations');

export interface Migration {
  /** The folder's name. It begins with a timestamp, so names sort by age. */
  name: string;
  sql: string;
  /** SHA-256 of the SQL in hexadecimal, as Prisma records it. */
  checksum: string;
}

/** The migrations of a folder, oldest first. */
export async function readMigrations(folder = SHIPPED_MIGRATIONS): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}
