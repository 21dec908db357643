import type { Pool, PoolClient } from 'pg';
import { usernameKey } from '../names.js';

/** The version of `usernameKey`: increase the number when it changes. Its result also depends on the Unicode version of Node.js. */
const RULE = `1, Unicode ${process.versions.unicode}`;

/** Users per page. */
const PAGE = 5000;

interface Row {
  id: string;
  username: string;
  username_key: string | null;
  seq: string;
}

type Connection = Pick<Pool | PoolClient, 'query'>;

/**
 * Updates the username keys of all users to this process's version of the rule. Runs inside a transaction. When there is something
 * to change, users can be read but not written until the transaction ends.
 *
 * Keys of an older version are recomputed. Of several users with the same key, the oldest user gets it; the others have no key, and
 * keep and sign in with their names. Keys of a newer version are left alone: otherwise processes of two Node.js versions would change
 * them back and forth at each start.
 *
 * Every start also gives keys to users without one when the key is free: processes of a release without keys may still create such
 * users while they run beside this one.
 */
export async function renewUsernameKeys(connection: Connection): Promise<void> {
  const rule = await storedRule(connection);
  if (rule === undefined) return;
  const isDue = isOlder(rule, RULE);
  if (!isDue && !(await isAnyKeyMissing(connection))) return;
  await connection.query('LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE');
  if (!isDue) return giveMissingKeys(connection);
  await removeWrongKeys(connection);
  await giveKeys(connection);
  await connection.query('UPDATE deployment SET username_rule = $1', [RULE]);
}

/** The version of the stored keys: null when there are none, undefined without its column or row. */
async function storedRule(connection: Connection): Promise<string | null | undefined> {
  // The database may be migrated to a version without this column.
  const column = await connection.query(
    `SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('deployment') AND attname = 'username_rule'`,
  );
  if (column.rows.length === 0) return undefined;
  const { rows } = await connection.query<{ rule: string | null }>('SELECT username_rule AS rule FROM deployment');
  return rows[0]?.rule;
}

/** Compares number by number: 15.1 is older than 15.10. Null is older than any version. */
function isOlder(rule: string | null, than: string): boolean {
  const [a, b] = [rule ?? '', than].map((each) => (each.match(/\d+/g) ?? []).map(Number));
  for (let index = 0; index < Math.max(a?.length ?? 0, b?.length ?? 0); index += 1) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

async function isAnyKeyMissing(connection: Connection): Promise<boolean> {
  let isAny = false;
  await forEachKeyless(connection, async (users) => {
    const keys = users.map(({ username }) => usernameKey(username));
    const { rows } = await connection.query('SELECT username_key FROM users WHERE username_key = ANY ($1::text[])', [
      keys,
    ]);
    const taken = new Set(rows.map((row) => row.username_key));
    isAny ||= keys.some((key) => !taken.has(key));
  });
  return isAny;
}

function giveMissingKeys(connection: Connection): Promise<void> {
  return forEachKeyless(connection, (users) => giveFreeKeys(connection, users));
}

/**
 * Calls `act` with pages of the users without a key, in the order of creation. `OFFSET 0` makes PostgreSQL find these few users by
 * the index of the keys; otherwise it may read all users in the order of creation.
 */
function forEachKeyless(connection: Connection, act: (users: readonly Row[]) => Promise<void>): Promise<void> {
  return forEachPage(connection, '(SELECT * FROM users WHERE username_key IS NULL OFFSET 0) AS keyless', 'true', act);
}

async function removeWrongKeys(connection: Connection): Promise<void> {
  await forEachPage(connection, 'users', 'username_key IS NOT NULL', async (users) => {
    const wrong = users.filter(({ username, username_key }) => username_key !== usernameKey(username));
    if (wrong.length === 0) return;
    await connection.query('UPDATE users SET username_key = NULL WHERE id = ANY ($1::uuid[])', [
      wrong.map(({ id }) => id),
    ]);
  });
}

/** Pages are in the order of creation. A user who loses a key to an older user is on a later page, where the key is taken. */
async function giveKeys(connection: Connection): Promise<void> {
  await forEachPage(connection, 'users', 'username_key IS NULL', async (users) => {
    const firsts = firstOfEachKey(users);
    await connection.query(
      `UPDATE users u SET username_key = NULL FROM unnest($1::text[], $2::bigint[]) AS given (key, seq)
       WHERE u.username_key = given.key AND u.created_seq > given.seq`,
      [[...firsts.keys()], [...firsts.values()].map(({ seq }) => seq)],
    );
    await giveFreeKeys(connection, users);
  });
}

async function giveFreeKeys(connection: Connection, users: readonly Row[]): Promise<void> {
  const firsts = firstOfEachKey(users);
  await connection.query(
    `UPDATE users u SET username_key = given.key FROM unnest($1::text[], $2::uuid[]) AS given (key, id)
     WHERE u.id = given.id AND NOT EXISTS (SELECT 1 FROM users o WHERE o.username_key = given.key)`,
    [[...firsts.keys()], [...firsts.values()].map(({ id }) => id)],
  );
}

function firstOfEachKey(users: readonly Row[]): Map<string, Row> {
  const firsts = new Map<string, Row>();
  for (const user of users) {
    const key = usernameKey(user.username);
    if (!firsts.has(key)) firsts.set(key, user);
  }
  return firsts;
}

async function forEachPage(
  connection: Connection,
  source: string,
  condition: string,
  act: (users: readonly Row[]) => Promise<void>,
): Promise<void> {
  let users: Row[] = [];
  do {
    const after: string = users.at(-1)?.seq ?? '0';
    ({ rows: users } = await connection.query<Row>(
      `SELECT id, username, username_key, created_seq::text AS seq FROM ${source}
       WHERE created_seq > $1 AND ${condition} ORDER BY created_seq LIMIT ${PAGE}`,
      [after],
    ));
    await act(users);
  } while (users.length === PAGE);
}
