import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.js';
import { DeploymentMissingError, readDeployment } from '../../domain/deployment.js';
import { Marks } from '../../domain/log/marks.js';
import { createDatabase, type OpenDatabase } from '../../plugins/database/client.js';
import { findRunningEmbedded } from '../../plugins/database/embedded.js';
import { DatabaseSessionError, DatabaseUnreachableError } from '../../plugins/database/errors.js';
import { readMigrations, SHIPPED_MIGRATIONS } from '../../plugins/database/migration-files.js';
import { locateDatabase } from '../locate-database.js';
import { clockFinding, type Finding, ok, problem, warning } from './finding.js';
import { lookAtServer } from './server.js';

/** A transaction that is open for longer should not be, in seconds. */
const LONG_TRANSACTION = 60;

/** The database: that it can be used, its schema, who holds it up. Changes nothing. */
export async function lookAtDatabase(config: Config): Promise<Finding[]> {
  if (config.databaseUrl === undefined && !(await hasEmbedded(config.dataDir)))
    return [ok(`There is no embedded database in ${config.dataDir} yet: the first start makes it.`)];
  const located = await locateDatabase(config);
  const db = createDatabase(located);
  try {
    const refused = await refusal(db, located.url);
    if (refused) return [refused];
    const findings: Finding[] = [];
    if (!located.embedded) {
      findings.push(...(await lookAtServer(db, config.workers)));
      const read = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms';
      findings.push(await clockFinding('PostgreSQL', async () => (await db.pool.query(read)).rows[0].ms));
    }
    const schema = await lookAtSchema(db);
    if (schema.level === 'ok') findings.push(schema, ...(await lookAtRows(db, located.embedded)));
    else findings.push(schema);
    return findings;
  } finally {
    await db.close();
    await located.close();
  }
}

async function hasEmbedded(dataDir: string): Promise<boolean> {
  return existsSync(join(dataDir, 'postgres')) || (await findRunningEmbedded(dataDir)) !== undefined;
}

/** Why the service cannot work on the database; undefined when it can. */
async function refusal(db: OpenDatabase, url: string): Promise<Finding | undefined> {
  try {
    await db.checkSessions();
    await db.pool.query('SELECT 1');
    return undefined;
  } catch (error) {
    const known = error instanceof DatabaseSessionError ? error : new DatabaseUnreachableError(url, error);
    return problem(known.message);
  }
}

async function lookAtSchema({ pool }: OpenDatabase): Promise<Finding> {
  const { rows } = await pool.query<{ exists: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`,
  );
  if (!rows[0]?.exists) return warning('The database is empty: the first start migrates it.');
  const read = `SELECT migration_name AS name, finished_at IS NOT NULL AS "isFinished" FROM _prisma_migrations WHERE rolled_back_at IS NULL`;
  const recorded = (await pool.query<{ name: string; isFinished: boolean }>(read)).rows;
  const unfinished = recorded.find(({ isFinished }) => !isFinished);
  if (unfinished)
    return problem(
      `Prisma's own command left the migration ${unfinished.name} unfinished: undo it, and say so with "prisma migrate resolve".`,
    );
  const applied = new Set(recorded.map(({ name }) => name));
  const shipped = (await readMigrations(SHIPPED_MIGRATIONS)).map(({ name }) => name);
  const pending = shipped.filter((name) => !applied.has(name));
  if (pending.length > 0)
    return warning(
      `${pending.length} migrations are to be applied: back up, then start the service, or run "npm run manage -- migrate".`,
    );
  const newest = shipped.at(-1) ?? '';
  const newer = [...applied].filter((name) => name > newest);
  if (newer.length > 0)
    return warning(
      `The database was migrated by a newer version of the service (${newer.length} migrations): bring this one to it.`,
    );
  return ok(`The schema is the newest, ${newest}.`);
}

async function lookAtRows(db: OpenDatabase, isEmbedded: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  await readDeployment(db).catch((error: unknown) => {
    if (!(error instanceof DeploymentMissingError)) throw error;
    findings.push(problem(error.message));
  });
  const admins = await db.prisma.user.count({ where: { role: 'admin', isActive: true, kind: 'human' } });
  findings.push(
    admins > 0
      ? ok(`There are ${admins} admins who can sign in.`)
      : warning('Nobody is an admin: run "npm run manage -- createsuperuser".'),
  );
  const held = isEmbedded ? undefined : await new Marks(db).heldBack();
  if (held && held.seconds > LONG_TRANSACTION) {
    const since = `A transaction has been open for ${Math.round(held.seconds)} s, and nobody's inbox position passes it: `;
    const how =
      held.pid === null
        ? 'it is a prepared one; end it with ROLLBACK PREPARED.'
        : `SELECT pg_terminate_backend(${held.pid}).`;
    findings.push(problem(since + how));
  }
  return findings;
}
