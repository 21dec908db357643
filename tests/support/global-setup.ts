import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.js';
import { embeddedTemplate } from './embedded-template.js';
import { postgresTemplate } from './postgres-template.js';
import { findPgBouncer } from './private-pgbouncer.js';

/** Chooses the run's database and bus, and makes the migrated template that every test file copies. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = process.env;
  const { source, description, remove } = databaseUrl ? await postgresTemplate(databaseUrl) : await embeddedTemplate();
  project.provide('testDatabaseSource', source);
  const redis = redisUrl ? 'Redis' : 'no Redis (TEST_REDIS_URL is not set)';
  const browser = findChromium() ?? 'no Chromium (none in PATH, CHROMIUM_PATH is not set; the tests in it are skipped)';
  const pooler = findPgBouncer() ?? 'no pgbouncer (none in PATH or /usr/sbin; the tests behind one are skipped)';
  process.stdout.write(`Tests use ${description}, ${redis}, ${browser}, and ${pooler}.\n`);
  return remove;
}
