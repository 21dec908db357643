// npm run db:diff -- <name>: compares the database that the migrations make with prisma/schema.prisma and with the functions of
// prisma/functions, and writes what is missing into a new migration. Read it, and complete it by hand where rows must change.
// npm run db:diff -- --check: writes nothing, and fails when something is missing.
// It needs no database: the migrations are applied to an embedded one in memory.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../src/plugins/database/embedded.js';
import { applyMigrations } from '../src/plugins/database/migrations.js';
import { functionDifference } from './function-difference.js';
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
if (difference === '') process.stdout.write('The migrations make the schema and the functions.\n');
else if (argument === CHECK) {
  process.stderr.write(
    `The migrations do not make prisma/schema.prisma and prisma/functions. Write a migration (npm run db:diff -- <name>) with:\n${difference}`,
  );
  process.exitCode = 1;
} else process.stdout.write(await writeMigration(argument, difference));

async function missingFromMigrations(): Promise<string> {
  const embedded = await startEmbedded();
  try {
    await applyMigrations(embedded.url);
    const schemaSql = await schemaDifference(embedded.url);
    const functionSql = await functionDifference(embedded.url, schemaSql);
    return [schemaSql, functionSql].filter((sql) => sql !== '').join('\n');
  } finally {
    await embedded.close();
  }
}

async function writeMigration(name: string, sql: string): Promise<string> {
  // Migrations are applied in the order of their names, so the new one comes behind the last, whatever the clock says.
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const names = await readdir(new URL('../prisma/migrations/', import.meta.url));
  const stamps = names.map((each) => Number(each.split('_', 1)[0])).filter(Number.isInteger);
  const stamp = Math.max(Number(now), ...stamps.map((each) => each + 1));
  const folder = `prisma/migrations/${stamp}_${name}`;
  const path = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  await mkdir(path);
  await writeFile(`${path}/migration.sql`, sql);
  return `Wrote ${folder}/migration.sql. Read it, and complete it by hand where needed.\n`;
}
