import type { TestProject } from 'vitest/node';
import { embeddedTemplate } from './embedded-template.js';
import { postgresTemplate } from './postgres-template.js';

/** Decides once which database and bus the run uses, and makes the migrated template that every test file starts from. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = process.env;
  const { source, description, remove } = databaseUrl ? await postgresTemplate(databaseUrl) : await embeddedTemplate();
  project.provide('testDatabaseSource', source);
  process.stdout.write(
    `Tests use ${description}, ${redisUrl ? 'and Redis' : 'no Redis (TEST_REDIS_URL is not set)'}.\n`,
  );
  return remove;
}
