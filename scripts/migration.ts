// npm run db:diff -- <name>: writes what prisma/schema.prisma has and the migrations do not make yet into a new
// migration, for its author to read and to complete (functions, data). It needs no database: the migrations are applied
// to an embedded one in memory.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../src/plugins/database/embedded.js';
import { applyMigrations } from '../src/plugins/database/migrations.js';
import { schemaDifference } from './schema-difference.js';

const [name] = process.argv.slice(2);
if (!name || !/^[a-z0-9_]+$/.test(name)) {
  process.stderr.write('Usage: npm run db:diff -- <name>, the name in lower_case_with_underscores\n');
  process.exit(1);
}

const embedded = await startEmbedded();
try {
  await applyMigrations(embedded.url);
  process.stdout.write(await writeMigration(name, await schemaDifference(embedded.url)));
} finally {
  await embedded.close();
}

async function writeMigration(name: string, sql: string): Promise<string> {
  if (!sql) return 'The migrations already make the schema. Nothing was written.\n';
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = `prisma/migrations/${stamp}_${name}`;
  const path = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  await mkdir(path);
  await writeFile(`${path}/migration.sql`, sql);
  return `Wrote ${folder}/migration.sql. Read it, and complete it by hand where needed.\n`;
}
