import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from './database.js';

/** A database made by the former migrations, which one migration has replaced. Only its record of migrations tells it apart. */
export async function createDatabaseOfFormerMigrations(): Promise<TestDatabase> {
  const database = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(await readFile(new URL('./former-migrations.sql', import.meta.url), 'utf8'));
  await client.end();
  return database;
}
