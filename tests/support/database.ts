import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import pg from 'pg';

import { onServer } from './postgres-template.js';
import { type TestDatabaseSource, testDatabaseSource } from './test-database-source.js';

/** A migrated, empty database for this test alone. */
export interface TestDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Ends open connections and removes the database. */
  drop(): Promise<void>;
}

/** The schema as a new database has it. https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PUBLIC */
const EMPTY_SCHEMA = `
  DROP SCHEMA public CASCADE;
  CREATE SCHEMA public AUTHORIZATION pg_database_owner;
  GRANT USAGE ON SCHEMA public TO PUBLIC`;

/** Makes one on whatever this run uses; the caller drops it in `afterAll`. Takes about 0.1 s, a second for the first embedded one. */
export function createTestDatabase(): Promise<TestDatabase> {
  const source = testDatabaseSource();
  return source.kind === 'postgres' ? clone(source) : borrow(source);
}

/** Whether databases are created on a server, which can give each its own locale. */
export function canChooseLocale(): boolean {
  return testDatabaseSource().kind === 'postgres';
}

/**
 * An empty database without a schema, for the tests of the migrations themselves.
 * @param locale options of `CREATE DATABASE`; for servers only
 */
export async function createEmptyDatabase(locale = ''): Promise<TestDatabase> {
  const source = testDatabaseSource();
  if (source.kind === 'postgres') return clone({ ...source, template: 'template0' }, locale);
  const database = await borrow(source);
  await onDatabase(database.url, EMPTY_SCHEMA);
  return database;
}

async function clone(source: Extract<TestDatabaseSource, { kind: 'postgres' }>, options = ''): Promise<TestDatabase> {
  const name = `${source.namePrefix}_${randomUUID().slice(0, 8)}`;
  await onDatabase(source.serverUrl, `CREATE DATABASE "${name}" TEMPLATE "${source.template}" ${options}`);
  return {
    url: onServer(source.serverUrl, name),
    embedded: false,
    drop: () => onDatabase(source.serverUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
  };
}

/** One that the run's lender has ready. It is emptied when it is given back, or thrown away where the test changed its schema. */
async function borrow({ lender }: Extract<TestDatabaseSource, { kind: 'embedded' }>): Promise<TestDatabase> {
  const loan = connect(lender).setEncoding('utf8');
  const refused = once(loan, 'end').then(() => Promise.reject(new Error('No embedded database was lent.')));
  const [line] = await Promise.race([once(loan, 'data'), refused]);
  refused.catch(() => {});
  return {
    url: String(line).trim(),
    embedded: true,
    async drop() {
      if (loan.closed) return;
      loan.end();
      await once(loan, 'close');
    },
  };
}

async function onDatabase(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
