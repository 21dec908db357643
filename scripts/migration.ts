// npm run db:diff -- <name>: writes what prisma/schema.prisma has and the migrations do not make yet into a new
// migration, for its author to read and to complete (functions, data).
// npm run db:diff -- --check: writes nothing, and fails when there is something to write.
// It needs no database: the migrations are applied to an embedded one in memory.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../src/plugins/database/embedded.js';
import { applyMigrations } from '../src/plugins/database/migrations.js';
import { schemaDifference } from './schema-difference.js';

const CHECK = '--check';
const USAGE =
  'Usage: npm run db:diff -- <name>, the name in lower_case_with_underscores; or npm run db:diff -- --check\n';

const [argument, ...more] = process.argv.slice(2);
if (!argument || more.length > 0 || (argument !== CHECK && !/^[a-z0-9_]+$/.test(argument))) {
  process.stderr.write(USAGE);
  process.exit(1);
}

const difference = await missingFromMigrations();
if (difference === '') process.stdout.write('The migrations make the schema.\n');
else if (argument === CHECK) {
  process.stderr.write(`The migrations do not make prisma/schema.prisma. Missing:\n${difference}`);
  process.exitCode = 1;
} else process.stdout.write(await writeMigration(argument, difference));

async function missingFromMigrations(): Promise<string> {
  const embedded = await startEmbedded();
  try {
    await applyMigrations(embedded.url);
    return await schemaDifference(embedded.url);
  } finally {
    await embedded.close();
  }
}

async function writeMigration(name: string, sql: string): Promise<string> {
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = `prisma/migrations/${stamp}_${name}`;
  const path = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  await mkdir(path);
  await writeFile(`${path}/migration.sql`, sql);
  return `Wrote ${folder}/migration.sql. Read it, and complete it by hand where needed.\n`;
}
