import { type Database, query } from '../database.js';
import { scopeSet } from '../scopes.js';
import type { UserProfile, Viewer } from '../viewer.js';
import { FAMILY_IS_ALIVE, HOLDER_COLUMNS, type HolderRow, toHolder } from './holder.js';

export type ViewerRow = HolderRow & { client_id: string; family_id: string; scopes: string[]; expires_at: Date };

const HOLDERS = {
  name: 'token-holders',
  text: `SELECT t.hash, f.client_id, f.id AS family_id, t.scopes, t.expires_at, ${HOLDER_COLUMNS}
    FROM access_tokens t JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.hash = ANY ($1::bytea[]) AND t.revoked_at IS NULL AND t.expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/** Who holds the access tokens with these hashes, in their order; null for one that is no good. One query. */
export async function holdersOf(db: Database, hashes: readonly Buffer[]): Promise<(Viewer | null)[]> {
  const rows = await query<ViewerRow & { hash: Buffer }>(db, HOLDERS, [hashes]);
  const viewers = new Map(rows.map((row) => [row.hash.toString('base64'), toViewer(row)]));
  return hashes.map((hash) => viewers.get(hash.toString('base64')) ?? null);
}

export function toViewer(row: ViewerRow): Viewer {
  return {
    user: toHolder(row),
    clientId: row.client_id,
    familyId: row.family_id,
    scopes: scopeSet(row.scopes),
    expiresAt: row.expires_at,
  };
}

const ALIVE_FAMILIES = {
  name: 'token-families-alive',
  text: `SELECT f.id AS family_id, ${HOLDER_COLUMNS}
    FROM token_families f LEFT JOIN users u ON u.id = f.user_id
    WHERE f.id = ANY ($1::uuid[]) AND ${FAMILY_IS_ALIVE}`,
};

/** What a family's sockets may still be. */
export interface FamilyHolder {
  /** As it is now: names and role may have changed since the socket opened. Null for client_credentials. */
  user: UserProfile | null;
}

export async function aliveFamilies(db: Database, familyIds: Iterable<string>): Promise<Map<string, FamilyHolder>> {
  const rows = await query<HolderRow & { family_id: string }>(db, ALIVE_FAMILIES, [[...familyIds]]);
  return new Map(rows.map((row) => [row.family_id, { user: toHolder(row) }]));
}
