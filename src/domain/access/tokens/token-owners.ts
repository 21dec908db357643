import { type Database, query } from '../../database.js';

/** The family and client that a refresh token was issued to. */
export interface RefreshTokenOwner {
  familyId: string;
  clientId: string;
}

const REFRESH_TOKENS = {
  name: 'refresh-token-owners',
  text: `SELECT r.hash, f.id AS family_id, f.client_id
    FROM refresh_tokens r JOIN token_families f ON f.id = r.family_id WHERE r.hash = ANY ($1::bytea[])`,
};
const CODES = {
  name: 'authorization-code-clients',
  text: 'SELECT hash, client_id FROM authorization_codes WHERE hash = ANY ($1::bytea[])',
};
const TOKENS = {
  name: 'token-clients',
  text: `SELECT t.hash, f.client_id
    FROM (SELECT hash, family_id FROM access_tokens WHERE hash = ANY ($1::bytea[])
      UNION ALL SELECT hash, family_id FROM refresh_tokens WHERE hash = ANY ($1::bytea[])) t
    JOIN token_families f ON f.id = t.family_id`,
};

// These look-ups take no lock and are batched. They refuse made-up tokens before a transaction begins; the transaction then checks
// real ones again.

/** The owners of the refresh tokens with these hashes, in the same order; null for a token that is unknown or deleted. */
export async function refreshTokenOwners(
  db: Database,
  hashes: readonly Buffer[],
): Promise<(RefreshTokenOwner | null)[]> {
  const rows = await query<{ hash: Buffer; family_id: string; client_id: string }>(db, REFRESH_TOKENS, [hashes]);
  const owners = new Map(
    rows.map((row) => [row.hash.toString('base64'), { familyId: row.family_id, clientId: row.client_id }]),
  );
  return hashes.map((hash) => owners.get(hash.toString('base64')) ?? null);
}

/** The clients that the codes with these hashes were issued to, in the same order; null for an unknown code. */
export function codeClients(db: Database, hashes: readonly Buffer[]): Promise<(string | null)[]> {
  return clientsOf(db, CODES, hashes);
}

/** The clients that the access and refresh tokens with these hashes were issued to, in the same order; null for an unknown token. */
export function tokenClients(db: Database, hashes: readonly Buffer[]): Promise<(string | null)[]> {
  return clientsOf(db, TOKENS, hashes);
}

async function clientsOf(db: Database, statement: typeof CODES, hashes: readonly Buffer[]): Promise<(string | null)[]> {
  const rows = await query<{ hash: Buffer; client_id: string }>(db, statement, [hashes]);
  const clients = new Map(rows.map((row) => [row.hash.toString('base64'), row.client_id]));
  return hashes.map((hash) => clients.get(hash.toString('base64')) ?? null);
}
