import type { PoolClient } from 'pg';
import type { Database } from '../../domain/database.js';
import { transaction } from '../../domain/transaction.js';
import type { Converted, ImportedClient, ImportedFamily, ImportedUser } from './convert.js';

/** How many were copied, and how many were there before. */
export interface Count {
  copied: number;
  present: number;
}

export interface WriteResult {
  users: Count;
  applications: Count;
  accessTokens: Count;
  refreshTokens: Count;
}

/** Rows in one statement. */
const BATCH = 2000;

/** Adds what is not there yet, all of it or nothing, and leaves what is there as it is: a second time changes nothing. */
export function writeImport(db: Database, { users, clients, families }: Converted): Promise<WriteResult> {
  return transaction(db, async (connection) => {
    const writtenUsers = await writeUsers(connection, users);
    const writtenClients = await writeClients(connection, clients);
    const userIds = await idsByUsername(connection, users);
    const clientIds = new Map(clients.map(({ sourceId, id }) => [sourceId, id]));
    const owned = families.flatMap((family) => {
      const clientId = clientIds.get(family.clientSourceId);
      const userId = family.userSourceId === null ? null : userIds.get(family.userSourceId);
      return clientId === undefined || userId === undefined ? [] : [{ ...family, clientId, userId }];
    });
    const tokens = await writeFamilies(connection, owned);
    return {
      users: { copied: writtenUsers, present: users.length - writtenUsers },
      applications: { copied: writtenClients, present: clients.length - writtenClients },
      ...tokens,
    };
  });
}

async function writeUsers(connection: PoolClient, users: readonly ImportedUser[]): Promise<number> {
  return inBatches(users, async (batch) => {
    const { rowCount } = await connection.query(
      `INSERT INTO users (id, username, password_hash, email, first_name, last_name, role, is_active, date_joined)
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::user_role[],
         $8::boolean[], $9::timestamptz[])
       ON CONFLICT (username) DO NOTHING`,
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
      ],
    );
    return rowCount ?? 0;
  });
}

/** A user with a name that was here before is taken for the same person. */
async function idsByUsername(connection: PoolClient, users: readonly ImportedUser[]): Promise<Map<string, string>> {
  const { rows } = await connection.query<{ id: string; username: string }>(
    'SELECT id, username FROM users WHERE username = ANY ($1::text[])',
    [users.map(({ username }) => username)],
  );
  const ids = new Map(rows.map(({ id, username }) => [username, id]));
  return new Map(
    users.flatMap(({ sourceId, username }) => {
      const id = ids.get(username);
      return id === undefined ? [] : [[sourceId, id] as const];
    }),
  );
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

/** A family of which a token is there already was copied before, whatever became of it since. */
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
    // Lists of scopes are of different lengths, which unnest does not take: they travel as one text each.
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
