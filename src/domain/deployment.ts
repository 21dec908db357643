import { createHmac } from 'node:crypto';
import type { Database } from './database.js';

/** Identifies a deployment in Redis: its processes share these values, and no other deployment has them. */
export interface Deployment {
  /** 22 characters, part of the names of channels and keys. */
  scope: string;
  /** 32 bytes. Authenticates the messages between the processes. */
  key: Buffer;
}

/** The table `deployment` has no row. */
export class DeploymentMissingError extends Error {
  override readonly name = 'DeploymentMissingError';
  readonly code = 'DEPLOYMENT_MISSING';

  constructor() {
    super(
      'The table "deployment" of the database has no row: restore it from a backup, or run the INSERT of ' +
        'prisma/migrations/20261129180000_init/migration.sql.',
    );
  }
}

interface Row {
  id: string;
  bus_key: Buffer;
  place: string;
}

/**
 * Reads the deployment from the database; needed once per process. The stored id and key alone would be the same in a copy of the
 * database, so they are combined with the server's identifier and the database's OID, which a copy by CREATE DATABASE … TEMPLATE or
 * pg_restore does not share. A streaming replica shares both, so a failover changes nothing. An ordinary role may read them.
 *
 * @throws DeploymentMissingError
 */
export async function readDeployment({ pool }: Pick<Database, 'pool'>): Promise<Deployment> {
  const { rows } = await pool.query<Row>(`SELECT d.id, d.bus_key,
      (SELECT system_identifier::text FROM pg_control_system()) || '/' ||
      (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS place
    FROM deployment d`);
  const [row] = rows;
  if (!row) throw new DeploymentMissingError();
  const derive = (use: string) => createHmac('sha256', row.bus_key).update(`${use} ${row.id} ${row.place}`).digest();
  return { scope: derive('scope').subarray(0, 16).toString('base64url'), key: derive('bus') };
}
