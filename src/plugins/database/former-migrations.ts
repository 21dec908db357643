import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { MigrationFailedError } from './errors.js';
import type { Migration } from './migration-files.js';

/** The migration that replaced the former ones. */
const SUCCESSOR = '20261129180000_init';

/** The migrations that were squashed into one, oldest first. */
const FORMER = [
  '20261101000000_init',
  '20261122120000_log_functions',
  '20261122130000_token_rotation',
  '20261122140000_authorization',
  '20261125120000_stable_plans',
  '20261126100000_append_one_by_one',
  '20261126200000_append_takes_numbers_first',
  '20261129110000_expiry',
  '20261129111000_names',
  '20261129120000_deployment',
  '20261129140000_append_waits_for_no_chat',
  '20261129150000_creation_order',
  '20261129151000_username_rule',
  '20261129160000_foreign_hashes',
  '20261129161000_members_wait_for_no_chat',
  '20261129170000_refused_sends_take_no_number',
  '20261129171000_creations_wait_a_second',
];

/** The last commit with the former migrations. It can migrate a database of any earlier version. */
const LAST_COMMIT = 'b586c15';

/**
 * Replaces the former migrations by their successor in the record of a database that has all of them: its schema is the one that
 * the successor makes. Does nothing for a database without any of them.
 *
 * @param client inside the transaction of the migrations
 * @param recorded the names in the database's record
 * @returns the names in the record afterwards
 * @throws MigrationFailedError when the database has only some of the former migrations
 */
export async function adoptFormerMigrations(
  client: ClientBase,
  migrations: readonly Migration[],
  recorded: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const successor = migrations.find(({ name }) => name === SUCCESSOR);
  const count = FORMER.filter((name) => recorded.has(name)).length;
  if (successor === undefined || count === 0) return recorded;
  if (count < FORMER.length) throw new MigrationFailedError(undefined, isTooOld(count));
  await client.query(
    `WITH former AS (
       DELETE FROM _prisma_migrations WHERE migration_name = ANY ($1::text[]) RETURNING started_at, finished_at)
     INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     SELECT $2, $3, $4, min(started_at), max(finished_at), 1 FROM former`,
    [FORMER, randomUUID(), successor.checksum, SUCCESSOR],
  );
  // The former migrations made this function and the successor does not: only versions before the newest of them call it.
  await client.query('DROP FUNCTION IF EXISTS append_messages(uuid[], uuid[], uuid[], text[], text[])');
  return new Set([...recorded, SUCCESSOR]);
}

function isTooOld(count: number): Error {
  return new Error(
    `it has ${count} of the ${FORMER.length} migrations that became one, and this version continues from all of them; ` +
      `run "npm run manage -- migrate" of commit ${LAST_COMMIT} (version 0.1.0) on it first`,
  );
}
