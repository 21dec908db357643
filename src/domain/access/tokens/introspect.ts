import { type Database, query } from '../../database.js';
import type { Scope } from '../../viewer.js';
import { knownScopes } from '../scopes.js';
import { FAMILY_IS_ALIVE } from './holder-row.js';

/** An active token, for introspection. */
export interface TokenDescription {
  kind: 'access' | 'refresh';
  clientId: string;
  userId: string | null;
  username: string | null;
  scopes: Scope[];
  /** The chats that it is narrowed to; null for a token of everything. */
  chatIds: string[] | null;
  issuedAt: Date;
  expiresAt: Date;
}

type DescriptionRow = Pick<TokenDescription, 'kind'> & {
  client_id: string;
  user_id: string | null;
  username: string | null;
  scopes: string[];
  chat_ids: string[] | null;
  created_at: Date;
  expires_at: Date;
};

const DESCRIBE = {
  name: 'tokens-describe',
  text: `SELECT t.hash, t.kind, f.client_id, f.user_id, f.chat_ids, u.username, t.scopes, t.created_at, t.expires_at
    FROM (
      SELECT hash, 'access' AS kind, family_id, scopes, created_at, expires_at
      FROM access_tokens WHERE hash = ANY ($1::bytea[]) AND revoked_at IS NULL
      UNION ALL
      SELECT hash, 'refresh', family_id, scopes, created_at, expires_at
      FROM refresh_tokens WHERE hash = ANY ($1::bytea[]) AND consumed_at IS NULL) t
    JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/** Descriptions of the tokens with these hashes, in the same order; null for a token that is unknown, expired, revoked or consumed. */
export async function describeTokens(db: Database, hashes: readonly Buffer[]): Promise<(TokenDescription | null)[]> {
  const rows = await query<DescriptionRow & { hash: Buffer }>(db, DESCRIBE, [hashes]);
  const descriptions = new Map(rows.map((row) => [row.hash.toString('base64'), toDescription(row)]));
  return hashes.map((hash) => descriptions.get(hash.toString('base64')) ?? null);
}

function toDescription(row: DescriptionRow): TokenDescription {
  return {
    kind: row.kind,
    clientId: row.client_id,
    userId: row.user_id,
    username: row.username,
    scopes: knownScopes(row.scopes),
    chatIds: row.chat_ids,
    issuedAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
