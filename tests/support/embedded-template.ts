import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { SharedSession } from '../../src/plugins/database/embedded-session.js';
import { readMigrations } from '../../src/plugins/database/migration-files.js';
import { applyMigrations } from '../../src/plugins/database/migrations.js';
import { startEmbeddedLender } from './embedded-lender.js';
import type { TestDatabaseSource } from './test-database-source.js';

const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/** What CREATE DATABASE copies: two thirds of the files. */
const UNUSED = ['template1', 'template0'];

/**
 * A tar file of a migrated embedded database, from which those of the tests start. Making it takes seconds, so it is kept until the
 * migrations or PGlite change.
 */
export async function embeddedTemplate() {
  const template = join(cache, `test-database-${await fingerprint()}.tar`);
  if (!existsSync(template)) {
    await makeTemplate(template);
    await removeOldTemplates();
  }
  const lender = await startEmbeddedLender(template);
  const source: TestDatabaseSource = { kind: 'embedded', template, lender: lender.address };
  return {
    source,
    description: 'the embedded database (TEST_DATABASE_URL is not set)',
    remove: () => lender.close(),
  };
}

async function fingerprint(): Promise<string> {
  const migrations = await readMigrations();
  const pglite = await readFile(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  return createHash('sha256')
    .update(JSON.stringify(migrations))
    .update(pglite)
    .update(String(UNUSED))
    .digest('hex')
    .slice(0, 16);
}

/** Those of former migrations; a day, so that a run that goes on elsewhere keeps its own. */
async function removeOldTemplates(): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (name.startsWith('test-database-') && Date.now() - mtimeMs > 24 * 60 * 60 * 1000)
      await rm(path, { force: true });
  }
}

async function makeTemplate(file: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-api-template-'));
  const session = await SharedSession.open({});
  const server = new PGLiteSocketServer({ db: session, path: join(folder, '.s.PGSQL.5432') });
  await server.start();
  try {
    await applyMigrations(`postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`);
    for (const name of UNUSED) {
      await session.exec(`ALTER DATABASE ${name} IS_TEMPLATE false`);
      await session.exec(`DROP DATABASE ${name}`);
    }
    await session.exec('CHECKPOINT');
    const tar = await session.dumpDataDir('none');
    // Runs that start together each write a file of their own and put it in place whole.
    const unfinished = `${file}.${randomUUID()}`;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(unfinished, tar.stream());
    await rename(unfinished, file);
  } finally {
    await server.stop();
    await session.close();
    await rm(folder, { recursive: true, force: true });
  }
}
