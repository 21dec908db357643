import type { Database } from '../../domain/database.js';
import { type Finding, ok, problem, warning } from './finding.js';

interface ServerRow {
  version: string;
  isStandby: boolean;
  fsync: string;
  fullPageWrites: string;
  synchronousCommit: string;
  /** Of the service, on whatever machine. */
  ownConnections: number;
  otherConnections: number;
  maxConnections: number;
  mayCreate: boolean;
  transactionAge: number;
  megabytes: number;
}

const SERVER = `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS "isStandby",
    current_setting('fsync') AS fsync, current_setting('full_page_writes') AS "fullPageWrites",
    (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS "synchronousCommit",
    activity.own AS "ownConnections", activity.other AS "otherConnections",
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS "maxConnections",
    has_schema_privilege('public', 'CREATE') AS "mayCreate",
    (SELECT age(datfrozenxid)::int FROM pg_database WHERE datname = current_database()) AS "transactionAge",
    (pg_database_size(current_database()) / 1048576)::int AS megabytes
  FROM (SELECT (count(*) FILTER (WHERE is_own))::int AS own, (count(*) FILTER (WHERE NOT is_own))::int AS other
    FROM (SELECT application_name = 'chat-api' AND datname = current_database() AS is_own
      FROM pg_stat_activity WHERE backend_type = 'client backend') clients) activity`;

/** What a process opens. */
const POOL = 10;
/** PostgreSQL stops writing at two thousand million. */
const OLD_TRANSACTIONS = 1_000_000_000;

/**
 * The settings and the state of the PostgreSQL server.
 * @param workers the processes that are to run here
 */
export async function lookAtServer({ pool }: Pick<Database, 'pool'>, workers: number): Promise<Finding[]> {
  const [row] = (await pool.query<ServerRow>(SERVER)).rows;
  if (!row) throw new Error('PostgreSQL did not answer with a row.');
  const findings = [ok(`PostgreSQL ${row.version}, a database of ${row.megabytes} MiB.`)];
  const tell = (isTrue: boolean, finding: Finding) => {
    if (isTrue) findings.push(finding);
  };
  tell(
    row.isStandby,
    problem(
      'The database is a standby, which cannot be written to: let DATABASE_URL name the primary, or promote this one.',
    ),
  );
  tell(
    row.fsync === 'off' || row.fullPageWrites === 'off',
    problem('fsync or full_page_writes is off: acknowledged messages are lost when the machine stops. Turn both on.'),
  );
  tell(
    row.synchronousCommit === 'off',
    warning(
      'synchronous_commit is off for this role; the service turns it on in its own sessions. Turn it on for other programs too.',
    ),
  );
  const { ownConnections, otherConnections, maxConnections } = row;
  const wanted = otherConnections + Math.max(ownConnections, workers * POOL);
  tell(
    wanted > maxConnections,
    warning(
      `${ownConnections + otherConnections} of ${maxConnections} connections are in use, and ${workers === 1 ? 'a process opens' : `${workers} workers open`} ` +
        `up to ${workers * POOL}: raise max_connections.`,
    ),
  );
  tell(
    !row.mayCreate && !row.isStandby,
    warning(
      'The role may not create tables, so it cannot migrate: run "npm run manage -- migrate" as a role that may, before each upgrade.',
    ),
  );
  tell(
    row.transactionAge > OLD_TRANSACTIONS,
    problem(
      'The database needs a VACUUM (FREEZE) soon, or PostgreSQL stops writing: see why autovacuum does not do it.',
    ),
  );
  return [...findings, ...(await replication(pool))];
}

interface ReplicaRow {
  name: string;
  state: string;
  bytes: number | null;
}

const REPLICAS = `SELECT application_name AS name, state, (pg_current_wal_lsn() - replay_lsn)::float8 AS bytes FROM pg_stat_replication`;
const SLOTS = `SELECT slot_name AS name, 'inactive' AS state, (pg_current_wal_lsn() - restart_lsn)::float8 AS bytes
  FROM pg_replication_slots WHERE NOT active`;
const FAR_BEHIND_BYTES = 64 * 1024 * 1024;

/** Nothing where there is none, and on a standby. */
async function replication(pool: Database['pool']): Promise<Finding[]> {
  const isStandby = (await pool.query<{ is: boolean }>('SELECT pg_is_in_recovery() AS is')).rows[0]?.is;
  if (isStandby) return [];
  const replicas = (await pool.query<ReplicaRow>(REPLICAS)).rows.map(({ name, state, bytes }) => {
    if (bytes === null)
      return warning(`The standby "${name}" is ${state}; the role may not see how far: grant it pg_monitor.`);
    const behind = `The standby "${name}" is ${state} and ${Math.round(bytes / 1024)} KiB behind`;
    return bytes > FAR_BEHIND_BYTES || state !== 'streaming'
      ? warning(`${behind}: see whether its machine and the network keep up.`)
      : ok(`${behind}.`);
  });
  const slots = (await pool.query<ReplicaRow>(SLOTS)).rows.map(({ name, bytes }) =>
    warning(
      `Nobody reads the replication slot "${name}", which keeps ${Math.round((bytes ?? 0) / 1048576)} MiB of the log on disk: ` +
        'start its standby, or drop the slot.',
    ),
  );
  return [...replicas, ...slots];
}
