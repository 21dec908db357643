import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DATABASE_TIMEOUT_MS } from '../../domain/database.js';
import { DatabaseSessionError } from './errors.js';
import { SESSION_SETTINGS } from './session-settings.js';

export interface SessionOptions {
  /** PostgreSQL's `statement_timeout`, in milliseconds; 0 means none. */
  statementTimeoutMs: number;
  /**
   * How long the settings last. `connection`: the session must not be shared, and one that another connection of ours has used
   * is refused. `transaction`: until the transaction ends.
   */
  scope: 'connection' | 'transaction';
}

interface SessionRow {
  mark: string | null;
  version: number;
  encoding: string;
}

/** A setting that holds a random value per connection. Finding it set, or later changed, means that a pooler shares the session. */
const MARK = 'chat_api.session';
const marks = new WeakMap<pg.ClientBase, string>();

/** PostgreSQL 15, as `server_version_num`. */
const OLDEST_VERSION = 150_000;

/**
 * Applies the service's settings to a new connection's session, whatever the database, the role or a pooler has set, in one
 * round trip. Start-up parameters are not used, since poolers reject or ignore them.
 *
 * @throws DatabaseSessionError when the server is too old, the database's encoding is not UTF8, or a pooler takes the session away between statements
 */
export async function prepareSession(client: pg.ClientBase, options: SessionOptions): Promise<void> {
  // The pool's connection time-out does not cover this query.
  const timer = setTimeout(() => {
    if (client instanceof pg.Client) client.connection.stream.destroy();
  }, DATABASE_TIMEOUT_MS);
  const mark = randomUUID();
  marks.set(client, mark);
  try {
    const { rows } = await client.query<SessionRow>(statementFor(options, mark));
    const [row] = rows;
    if (row && row.version < OLDEST_VERSION) throw tooOld(String(Math.floor(row.version / 10_000)));
    if (row && row.encoding !== 'UTF8') throw otherEncoding(row.encoding);
    if (options.scope === 'connection' && row?.mark) throw sharedSession();
  } catch (error) {
    // 42704, undefined_object: the server lacks one of the settings.
    if (error instanceof Error && 'code' in error && error.code === '42704') {
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
      throw tooOld(rows[0]?.server_version ?? 'unknown');
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Checks that a connection's statements still reach the session prepared for it.
 *
 * @throws DatabaseSessionError when they reach another session
 */
export async function checkSession(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ mark: string | null }>(`SELECT current_setting('${MARK}', true) AS mark`);
  if (rows[0]?.mark !== marks.get(client)) throw sharedSession();
}

function tooOld(version: string): DatabaseSessionError {
  return new DatabaseSessionError(`The service needs PostgreSQL 15 or newer, and this one is ${version}.`);
}

function otherEncoding(encoding: string): DatabaseSessionError {
  return new DatabaseSessionError(
    `The service needs a database whose encoding is UTF8, and this one is ${encoding}: make another one ` +
      `(CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8').`,
  );
}

export function sharedSession(): DatabaseSessionError {
  return new DatabaseSessionError(
    'DATABASE_URL leads to a pooler that gives one session to several connections, which loses the settings and the prepared ' +
      'statements of each: let it pool sessions and reset them in between (PgBouncer: pool_mode = session, ' +
      'server_reset_query = DISCARD ALL), or connect to PostgreSQL itself.',
  );
}

/** One statement, thanks to `set_config`. A row's columns are evaluated in order, so the old mark is read before it is set. */
function statementFor({ statementTimeoutMs, scope }: SessionOptions, mark: string): string {
  const settings = { ...SESSION_SETTINGS, statement_timeout: String(statementTimeoutMs), [MARK]: mark };
  const set = (name: string, value: string) => `set_config('${name}', '${value}', ${scope === 'transaction'})`;
  return `SELECT current_setting('${MARK}', true) AS mark, current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding,
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN ${set('synchronous_commit', 'on')} END,
    CASE WHEN version() !~ 'mingw|Visual C|32-bit' THEN ${set('client_connection_check_interval', '1000')} END,
    ${Object.entries(settings)
      .map(([name, value]) => set(name, value))
      .join(', ')}`;
}
