import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import { isLockTimeout } from '../../domain/database.js';
import { MigrationFailedError } from './errors.js';

/** All tables that the running service writes to, roughly in the order in which its transactions lock them. */
export const SERVICE_TABLES = [
  'users',
  'chats',
  'chat_memberships',
  'direct_chats',
  'chat_bans',
  'sender_deletions',
  'user_blocks',
  'reports',
  'invitations',
  'invite_links',
  'messages',
  'message_extras',
  'message_revisions',
  'mentions',
  'threads',
  'thread_follows',
  'reactions',
  'reaction_dirty',
  'chat_events',
  'incoming_hooks',
  'oauth_clients',
  'token_families',
  'access_tokens',
  'refresh_tokens',
  'authorization_codes',
  'browser_sessions',
  'external_identities',
  'socket_tickets',
  'deployment',
  'audit_log',
  'audit_head',
];

/** How long an attempt waits for its first lock, in milliseconds. Above `deadlock_timeout` (1 s), after which autovacuum yields. */
const FIRST_WAIT_MS = 1500;
/** How long it waits for each further lock, in milliseconds. All of them together stay below `deadlock_timeout`. */
const FURTHER_WAIT_MS = 40;
/** Pause between attempts, in which the service's transactions run. Milliseconds. */
const PAUSE_MS = 300;
const TIMEOUT_MS = 60_000;

/**
 * Locks the service's tables until the transaction ends. Locking them one by one would deadlock with the running service, whose
 * transactions lock them in other orders. So this waits long only while it holds no lock: when a further table is in use, it
 * releases all locks and waits for that table first.
 *
 * @param connection inside a transaction
 * @param timeoutMs when to give up, in milliseconds
 * @throws MigrationFailedError when a table is still in use at the timeout, or the database role may not lock one
 */
export async function lockServiceTables(connection: ClientBase, timeoutMs = TIMEOUT_MS): Promise<void> {
  const { rows } = await connection.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS t (name, place) WHERE to_regclass(name) IS NOT NULL ORDER BY place`,
    [SERVICE_TABLES],
  );
  let tables = rows.map(({ name }) => name);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const busy = await tryToLock(connection, tables);
    if (busy === undefined) return;
    if (performance.now() >= deadline) throw new MigrationFailedError(undefined, tableInUse(busy));
    tables = [busy, ...tables.filter((name) => name !== busy)];
    await delay(PAUSE_MS);
  }
}

/** Locks all tables; or none, and returns the table that is in use. */
async function tryToLock(connection: ClientBase, tables: readonly string[]): Promise<string | undefined> {
  await connection.query('SAVEPOINT before_locks');
  for (const [index, name] of tables.entries()) {
    try {
      await connection.query(`SET LOCAL lock_timeout = ${index === 0 ? FIRST_WAIT_MS : FURTHER_WAIT_MS}`);
      await connection.query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
    } catch (error) {
      if (!isLockTimeout(error)) throw new MigrationFailedError(undefined, error);
      // Releases the locks and resets `lock_timeout`.
      await connection.query('ROLLBACK TO SAVEPOINT before_locks');
      return name;
    }
  }
  await connection.query('SET LOCAL lock_timeout TO DEFAULT');
  await connection.query('RELEASE SAVEPOINT before_locks');
  return undefined;
}

function tableInUse(table: string): Error {
  return new Error(
    `a transaction that somebody else has open uses the table ${table}; end it (pg_stat_activity shows it) and start again`,
  );
}
