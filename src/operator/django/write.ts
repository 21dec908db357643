import type { PoolClient } from 'pg';
import { writeAudit } from '../../domain/audit.js';
import type { Database } from '../../domain/database.js';
import { usernameKey } from '../../domain/names.js';
import { transaction } from '../../domain/transaction.js';
import type { Converted, ImportedClient, ImportedFamily, ImportedUser } from './convert.js';

/** How many rows were copied, and how many existed before. */
export interface Count {
  copied: number;
  present: number;
}

export interface WriteResult {
  users: Count;
  applications: Count;
  accessTokens: Count;
  refreshTokens: Count;
  /** One sentence for each user, or user's tokens, that was not copied. */
  remarks: string[];
}

/** Rows per statement. */
const BATCH = 2000;

/** Adds what does not exist yet, in one transaction, and changes nothing that exists. A repeated import changes nothing. */
export function writeImport(db: Database, { users, clients, families }: Converted): Promise<WriteResult> {
  return transaction(db, async (connection) => {
    const writtenUsers = await writeUsers(connection, users);
    const writtenClients = await writeClients(connection, clients);
    const { ids: userIds, withoutTokens, remarks } = writtenUsers;
    const clientIds = new Map(clients.map(({ sourceId, id }) => [sourceId, id]));
    const owned = families.flatMap((family) => {
      if (family.userSourceId !== null && withoutTokens.has(family.userSourceId)) return [];
      const clientId = clientIds.get(family.clientSourceId);
      const userId = family.userSourceId === null ? null : userIds.get(family.userSourceId);
      return clientId === undefined || userId === undefined ? [] : [{ ...family, clientId, userId }];
    });
    const tokens = await writeFamilies(connection, owned);
    const copied = { users: writtenUsers.copied, applications: writtenClients };
    if (copied.users + copied.applications > 0)
      await writeAudit(connection, undefined, [{ action: 'users.imported', data: copied }]);
    return {
      users: { copied: writtenUsers.copied, present: userIds.size - writtenUsers.copied },
      applications: { copied: writtenClients, present: clients.length - writtenClients },
      ...tokens,
      remarks,
    };
  });
}

interface WrittenUsers {
  copied: number;
  /** Django id → id here, of all users imported now or before. */
  ids: Map<string, string>;
  /** Django ids of users whose password changed here during the import: their tokens are not copied. */
  withoutTokens: Set<string>;
  remarks: string[];
}

/**
 * Adds the users that were not imported before. A name may already belong to somebody else, from an external sign-in or an
 * operator's command: that person gets no tokens.
 */
async function writeUsers(connection: PoolClient, users: readonly ImportedUser[]): Promise<WrittenUsers> {
  const before = await findExisting(connection, users);
  const fresh = users.filter((user) => !before.ids.has(user.sourceId));
  const copied = await insertUsers(connection, fresh);
  await markAsImported(connection, before.unmarked);
  // From here to COMMIT the locks keep passwords from changing, and a reset after it also revokes the copied tokens. A reset
  // between the two queries shows in the password's version: those users' tokens are not copied.
  const { ids, holders, versions } = await findExisting(connection, users, 'FOR SHARE');
  const remarks = users.flatMap((user) => (ids.has(user.sourceId) ? [] : [nameTaken(user, holders)]));
  const isReset = (id: string | undefined) => before.versions.has(id) && before.versions.get(id) !== versions.get(id);
  const reset = users.filter(({ sourceId }) => isReset(ids.get(sourceId)));
  remarks.push(...reset.map(({ username }) => passwordReset(username)));
  return { copied, ids, withoutTokens: new Set(reset.map(({ sourceId }) => sourceId)), remarks };
}

function passwordReset(username: string): string {
  return `The tokens of ${username} were not copied: the password was changed here meanwhile.`;
}

function nameTaken({ username }: ImportedUser, holders: ReadonlyMap<string, ExistingUser>): string {
  const holder = holders.get(usernameKey(username));
  const isStranger = holder === undefined || (holder.username === username && holder.imported_from === null);
  const why = isStranger
    ? 'somebody here has this name already, who did not come from there.'
    : `${holder.username} has this name already, but for case and the form of its letters.`;
  return `The user ${username} was not copied, nor their tokens: ${why}`;
}

interface ExistingUser {
  id: string;
  username: string;
  username_key: string | null;
  imported_from: string | null;
  date_joined: Date;
  password_version: number;
}

/** Finds the users that were imported before, and the holders of their usernames. */
async function findExisting(connection: PoolClient, users: readonly ImportedUser[], lock: 'FOR SHARE' | '' = '') {
  const { rows } = await connection.query<ExistingUser>(
    `SELECT id, username, username_key, imported_from, date_joined, password_version FROM users
     WHERE username_key = ANY ($1::text[]) OR username = ANY ($2::text[]) OR imported_from = ANY ($3::text[])
     ORDER BY id ${lock}`,
    [
      users.map(({ username }) => usernameKey(username)),
      users.map(({ username }) => username),
      users.map(({ sourceId }) => sourceOf(sourceId)),
    ],
  );
  const byKey = new Map<string, ExistingUser[]>();
  for (const row of rows) {
    const key = usernameKey(row.username);
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  const ids = new Map<string, string>();
  const unmarked: [id: string, source: string][] = [];
  for (const user of users) {
    const namesakes = byKey.get(usernameKey(user.username)) ?? [];
    const marked = namesakes.find((row) => row.imported_from === sourceOf(user.sourceId));
    const existing = marked ?? namesakes.find((row) => wasImportedUnmarked(row, user));
    if (!existing) continue;
    ids.set(user.sourceId, existing.id);
    if (!marked) unmarked.push([existing.id, sourceOf(user.sourceId)]);
  }
  const holders = new Map<string, ExistingUser>();
  for (const row of rows) if (row.username_key !== null) holders.set(row.username_key, row);
  const versions = new Map<string | undefined, number>(rows.map((row) => [row.id, row.password_version]));
  return { ids, unmarked, holders, versions };
}

/**
 * Whether an earlier version, which did not set `imported_from`, imported this user: the username and the join time are equal to
 * the millisecond, which no user created here would match.
 */
function wasImportedUnmarked(row: ExistingUser, { username, dateJoined }: ImportedUser): boolean {
  return row.imported_from === null && row.username === username && row.date_joined.getTime() === dateJoined.getTime();
}

async function markAsImported(connection: PoolClient, unmarked: readonly [id: string, source: string][]) {
  await connection.query(
    `UPDATE users SET imported_from = given.source FROM unnest($1::uuid[], $2::text[]) AS given (id, source)
     WHERE users.id = given.id`,
    [unmarked.map(([id]) => id), unmarked.map(([, source]) => source)],
  );
}

function insertUsers(connection: PoolClient, users: readonly ImportedUser[]): Promise<number> {
  return inBatches(users, async (batch) => {
    const { rowCount } = await connection.query(
      `INSERT INTO users (id, username, password_hash, email, first_name, last_name, role, is_active, date_joined, imported_from, username_key)
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::user_role[],
         $8::boolean[], $9::timestamptz[], $10::text[], $11::text[])
       ON CONFLICT DO NOTHING`,
      [
        batch.map(({ id }) => id),
        batch.map(({ username }) => username),
        batch.map(({ passwordHash }) => passwordHash),
        batch.map(({ email }) => email),
        batch.map(({ firstName }) => firstName),
        batch.map(({ lastName }) => lastName),
        batch.map(({ role }) => role),
        batch.map(({ isActive }) => isActive),
        batch.map(({ dateJoined }) => dateJoined),
        batch.map(({ sourceId }) => sourceOf(sourceId)),
        batch.map(({ username }) => usernameKey(username)),
      ],
    );
    return rowCount ?? 0;
  });
}

/** The value of `users.imported_from`. */
function sourceOf(sourceId: string): string {
  return `django:${sourceId}`;
}

async function writeClients(connection: PoolClient, clients: readonly ImportedClient[]): Promise<number> {
  let written = 0;
  for (const { id, name, secretHash, grants, redirectUris } of clients) {
    const { rowCount } = await connection.query(
      `INSERT INTO oauth_clients (id, name, secret_hash, grants, scopes, redirect_uris)
       VALUES ($1, $2, $3, $4, '{read,write}', $5) ON CONFLICT (id) DO NOTHING`,
      [id, name, secretHash, grants, redirectUris],
    );
    written += rowCount ?? 0;
  }
  return written;
}

type OwnedFamily = ImportedFamily & { clientId: string; userId: string | null };

/** Adds the families of which no token exists here. An existing token means that its family was copied before. */
async function writeFamilies(connection: PoolClient, families: readonly OwnedFamily[]) {
  const known = await knownHashes(connection, families);
  const fresh = families.filter(
    ({ access, refresh }) => ![access, refresh].some((token) => token && known.has(keyOf(token))),
  );
  await inBatches(fresh, async (batch) => {
    const { rowCount } = await connection.query(
      `INSERT INTO token_families (id, client_id, user_id, created_at)
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])`,
      [
        batch.map(({ id }) => id),
        batch.map(({ clientId }) => clientId),
        batch.map(({ userId }) => userId),
        batch.map(({ createdAt }) => createdAt),
      ],
    );
    return rowCount ?? 0;
  });
  return {
    accessTokens: await writeTokens(connection, 'access', families, fresh),
    refreshTokens: await writeTokens(connection, 'refresh', families, fresh),
  };
}

async function writeTokens(
  connection: PoolClient,
  kind: 'access' | 'refresh',
  all: readonly OwnedFamily[],
  fresh: readonly OwnedFamily[],
): Promise<Count> {
  const rows = fresh.flatMap((family) => {
    const token = family[kind];
    return token ? [{ ...token, family }] : [];
  });
  const copied = await inBatches(rows, async (batch) => {
    // unnest needs arrays of equal length, so each list of scopes is sent as one string.
    const { rowCount } = await connection.query(
      `INSERT INTO ${kind}_tokens (hash, family_id, scopes, created_at, expires_at)
       SELECT hash, family_id, string_to_array(scopes, ' '), created_at, expires_at
       FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[])
         AS t (hash, family_id, scopes, created_at, expires_at)`,
      [
        batch.map(({ hash }) => hash),
        batch.map(({ family }) => family.id),
        batch.map(({ family }) => family.scopes.join(' ')),
        batch.map(({ family }) => family.createdAt),
        batch.map(({ expiresAt }) => expiresAt),
      ],
    );
    return rowCount ?? 0;
  });
  return { copied, present: all.filter((family) => family[kind]).length - copied };
}

async function knownHashes(connection: PoolClient, families: readonly OwnedFamily[]): Promise<Set<string>> {
  const hashes = families.flatMap(({ access, refresh }) =>
    [access, refresh].flatMap((token) => (token ? [token.hash] : [])),
  );
  const known = new Set<string>();
  await inBatches(hashes, async (batch) => {
    const { rows } = await connection.query<{ hash: Buffer }>(
      `SELECT hash FROM access_tokens WHERE hash = ANY ($1::bytea[])
       UNION ALL SELECT hash FROM refresh_tokens WHERE hash = ANY ($1::bytea[])`,
      [batch],
    );
    for (const row of rows) known.add(keyOf(row));
    return rows.length;
  });
  return known;
}

function keyOf({ hash }: { hash: Buffer }): string {
  return hash.toString('base64');
}

async function inBatches<Row>(
  rows: readonly Row[],
  write: (batch: readonly Row[]) => Promise<number>,
): Promise<number> {
  let total = 0;
  for (let start = 0; start < rows.length; start += BATCH) total += await write(rows.slice(start, start + BATCH));
  return total;
}
