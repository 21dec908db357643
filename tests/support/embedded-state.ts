import type { SharedSession } from '../../src/plugins/database/embedded-session.js';
import { SESSION_SETTINGS } from '../../src/plugins/database/session-settings.js';

/** The catalogs of what a test could make, change or drop, and whose rows they are: PostgreSQL's own objects have smaller ids. */
const CATALOGS: Record<string, string> = {
  pg_attrdef: 'oid >= 16384',
  pg_attribute: 'attrelid >= 16384',
  pg_authid: 'true',
  pg_cast: 'oid >= 16384',
  pg_class: 'oid >= 16384',
  pg_collation: 'oid >= 16384',
  pg_constraint: 'oid >= 16384',
  pg_database: 'true',
  pg_db_role_setting: 'true',
  pg_default_acl: 'true',
  pg_enum: 'true',
  pg_event_trigger: 'true',
  pg_extension: 'true',
  pg_index: 'indexrelid >= 16384',
  pg_inherits: 'true',
  pg_namespace: `nspname !~ '^pg_(toast_)?temp_'`,
  pg_operator: 'oid >= 16384',
  pg_policy: 'true',
  pg_proc: 'oid >= 16384',
  pg_rewrite: 'oid >= 16384',
  pg_sequence: 'true',
  pg_sequences: 'true',
  pg_statistic_ext: 'true',
  pg_trigger: 'true',
  pg_type: 'oid >= 16384',
};

/** What TRUNCATE, VACUUM and ANALYZE change: where a relation is stored, and how large it was. */
const STORAGE = [
  ...['relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid'],
  ...['datfrozenxid', 'datminmxid'],
];

const SCHEMA = `
  SELECT md5(string_agg(line, ',' ORDER BY line)) AS hash FROM (
    ${Object.entries(CATALOGS)
      .map(
        ([catalog, isOurs]) =>
          `SELECT '${catalog} ' || (to_jsonb(c) - '{${STORAGE.join()}}'::text[])::text AS line FROM ${catalog} c WHERE ${isOurs}`,
      )
      .join(' UNION ALL ')}
    UNION ALL SELECT pg_read_file('postgresql.auto.conf')
  ) lines`;

/** What an embedded database holds: its tables with rows, by a hash of these, and a hash of everything that is no row. */
export interface EmbeddedState {
  schema: unknown;
  rows: Record<string, unknown>;
}

export async function stateOf(session: SharedSession): Promise<EmbeddedState> {
  const rows: Record<string, unknown> = {};
  for (const table of await tablesOf(session)) {
    const hash = await one(session, `SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) AS hash FROM ${table} t`);
    if (hash !== null) rows[table] = hash;
  }
  return { schema: await one(session, SCHEMA), rows };
}

/**
 * Empties what was empty and puts the session back; resolves to whether everything is as it was. A test that changed the schema,
 * the settings or rows that were there gets false.
 */
export async function restore(session: SharedSession, original: EmbeddedState): Promise<boolean> {
  await session.exec('ROLLBACK');
  await session.exec('DISCARD ALL');
  for (const [name, value] of Object.entries(SESSION_SETTINGS)) await session.exec(`SET ${name} = '${value}'`);
  const written = (await tablesOf(session)).filter((table) => !(table in original.rows));
  await session.exec(`TRUNCATE ${written.join()} RESTART IDENTITY CASCADE`);
  // There is no checkpointer here: without this the write-ahead log would grow in memory from file to file.
  await session.exec('CHECKPOINT');
  return JSON.stringify(await stateOf(session)) === JSON.stringify(original);
}

async function tablesOf(session: SharedSession): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

async function one(session: SharedSession, sql: string): Promise<unknown> {
  const { rows } = await session.query<{ hash: unknown }>(sql);
  return rows[0]?.hash;
}
