import { type Database, query } from '../../database.js';
import type { UserProfile } from '../../profile.js';
import type { Viewer } from '../../viewer.js';
import { LEEWAY_SECONDS } from '../issuers/trusted-issuer.js';
import { scopeSet } from '../scopes.js';
import { FAMILY_IS_ALIVE, HOLDER_COLUMNS, type HolderRow, toHolder } from './holder-row.js';

export type ViewerRow = HolderRow & {
  client_id: string | null;
  family_id: string;
  /** Null for a family that is not narrowed. */
  chat_ids: string[] | null;
  scopes: string[];
  expires_at: Date;
  left_ms: number;
};

/** SQL: the milliseconds until a time, by the database's clock. */
export const MS_LEFT = (column: string) => `extract(epoch FROM ${column} - clock_timestamp())::float * 1000 AS left_ms`;

const VIEWERS = {
  name: 'token-viewers',
  text: `SELECT t.hash, f.client_id, f.id AS family_id, f.chat_ids, t.scopes, t.expires_at, ${MS_LEFT('t.expires_at')}, ${HOLDER_COLUMNS}
    FROM access_tokens t JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.hash = ANY ($1::bytea[]) AND t.revoked_at IS NULL AND t.expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/** The viewers of the access tokens with these hashes, in the same order; null for an invalid token. One query. */
export async function viewersOf(db: Database, hashes: readonly Buffer[]): Promise<(Viewer | null)[]> {
  const rows = await query<ViewerRow & { hash: Buffer }>(db, VIEWERS, [hashes]);
  const viewers = new Map(rows.map((row) => [row.hash.toString('base64'), toViewer(row)]));
  return hashes.map((hash) => viewers.get(hash.toString('base64')) ?? null);
}

export function toViewer(row: ViewerRow): Viewer {
  const graceMs = row.client_id === null ? LEEWAY_SECONDS * 1000 : 0;
  return {
    user: toHolder(row),
    clientId: row.client_id,
    familyId: row.family_id,
    scopes: scopeSet(row.scopes),
    ...(row.chat_ids && { chats: new Set(row.chat_ids) }),
    expiresAt: graceMs === 0 ? row.expires_at : new Date(row.expires_at.getTime() - graceMs),
    endsAt: performance.now() + row.left_ms,
    graceMs,
  };
}

const ALIVE_FAMILIES = {
  name: 'token-families-alive',
  text: `SELECT f.id AS family_id, ${HOLDER_COLUMNS}
    FROM token_families f LEFT JOIN users u ON u.id = f.user_id
    WHERE f.id = ANY ($1::uuid[]) AND ${FAMILY_IS_ALIVE}`,
};

/** The user of a token family. */
export interface FamilyHolder {
  /** The user as of now: names and role may have changed since the sign-in. Null for `client_credentials`. */
  user: UserProfile | null;
}

/** The families among these that are neither revoked nor of an inactive user, with their users. One query. */
export async function aliveFamilies(db: Database, familyIds: Iterable<string>): Promise<Map<string, FamilyHolder>> {
  const rows = await query<HolderRow & { family_id: string }>(db, ALIVE_FAMILIES, [[...familyIds]]);
  return new Map(rows.map((row) => [row.family_id, { user: toHolder(row) }]));
}
