import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Config } from '../src/config/config.js';
import { DatabaseUnreachableError } from '../src/plugins/database/errors.js';

export interface ThrowAwayDatabase {
  /** Describes the database in the demo's output. */
  description: string;
  /** The settings that point to it. */
  location: Pick<Config, 'databaseUrl' | 'dataDir'>;
  remove(): Promise<void>;
}

/** Creates a database on the configured PostgreSQL, or an embedded one in a temporary folder when none is configured. */
export async function createThrowAwayDatabase({ databaseUrl, dataDir }: Config): Promise<ThrowAwayDatabase> {
  if (databaseUrl === undefined) return inTemporaryFolder();
  const name = `chat_demo_${randomUUID().slice(0, 8)}`;
  await run(databaseUrl, `CREATE DATABASE "${name}"`);
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return {
    description: `the database ${name} on ${url.host}`,
    location: { databaseUrl: url.href, dataDir },
    remove: () => run(databaseUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
  };
}

async function inTemporaryFolder(): Promise<ThrowAwayDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-demo-'));
  return {
    description: 'an embedded database in a temporary folder',
    location: { databaseUrl: undefined, dataDir: folder },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(databaseUrl: string, sql: string): Promise<void> {
  const connection = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 });
  await connection.connect().catch((cause) => {
    throw new DatabaseUnreachableError(databaseUrl, cause);
  });
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}
