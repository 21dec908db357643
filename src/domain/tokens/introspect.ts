import { type Database, query } from '../database.js';
import { knownScopes } from '../scopes.js';
import type { Scope } from '../viewer.js';
import { FAMILY_IS_ALIVE } from './holder.js';
import { hashToken, isToken } from './opaque-token.js';

/** What an active token stands for. */
export interface TokenDescription {
  kind: 'access' | 'refresh';
  clientId: string;
  userId: string | null;
  username: string | null;
  scopes: Scope[];
  issuedAt: Date;
  expiresAt: Date;
}

type DescriptionRow = Pick<TokenDescription, 'kind'> & {
  client_id: string;
  user_id: string | null;
  username: string | null;
  scopes: string[];
  created_at: Date;
  expires_at: Date;
};

const DESCRIBE = {
  name: 'token-describe',
  text: `SELECT t.kind, f.client_id, f.user_id, u.username, t.scopes, t.created_at, t.expires_at
    FROM (
      SELECT 'access' AS kind, family_id, scopes, created_at, expires_at
      FROM access_tokens WHERE hash = $1 AND revoked_at IS NULL
      UNION ALL
      SELECT 'refresh', family_id, scopes, created_at, expires_at
      FROM refresh_tokens WHERE hash = $1 AND consumed_at IS NULL) t
    JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/** Undefined for a token that is unknown, expired, revoked, consumed, or of a user who is not active. */
export async function describeToken(db: Database, token: string): Promise<TokenDescription | undefined> {
  if (!isToken('access', token) && !isToken('refresh', token)) return undefined;
  const [row] = await query<DescriptionRow>(db, DESCRIBE, [hashToken(token)]);
  if (!row) return undefined;
  return {
    kind: row.kind,
    clientId: row.client_id,
    userId: row.user_id,
    username: row.username,
    scopes: knownScopes(row.scopes),
    issuedAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
