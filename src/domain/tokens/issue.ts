import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from '../database.js';
import type { Scope } from '../viewer.js';
import { hashToken, newToken } from './opaque-token.js';

/** Lifetimes, in seconds. */
export interface TokenLifetimes {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** How long after its first use a refresh token may be repeated for a lost answer; 0 allows no repetition. */
  refreshGraceSeconds: number;
}

/** What one answer of the token endpoint carries. The only moment at which the tokens exist in clear. */
export interface IssuedTokens {
  accessToken: string;
  /** Seconds until the access token ends. */
  expiresIn: number;
  refreshToken: string | undefined;
  scopes: readonly Scope[];
}

export interface NewFamily {
  clientId: string;
  /** Null for client_credentials. */
  userId: string | null;
  scopes: readonly Scope[];
  withRefreshToken: boolean;
}

// The locks make a deactivation or removal that happens meanwhile wait, so that it ends this family too.
const ISSUE = {
  name: 'token-family-issue',
  text: `WITH client AS (SELECT id FROM oauth_clients WHERE id = $2 FOR KEY SHARE),
      holder AS (SELECT id FROM users WHERE id = $3 AND is_active FOR SHARE),
      family AS (
        INSERT INTO token_families (id, client_id, user_id)
        SELECT $1, client.id, $3 FROM client WHERE $3::uuid IS NULL OR EXISTS (SELECT 1 FROM holder)
        RETURNING id),
      access AS (
        INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
        SELECT $4, family.id, $5, now() + make_interval(secs => $6) FROM family),
      refresh AS (
        INSERT INTO refresh_tokens (hash, family_id, scopes, expires_at)
        SELECT $7, family.id, $5, now() + make_interval(secs => $8) FROM family WHERE $7::bytea IS NOT NULL)
    SELECT id FROM family`,
};

export async function issueFamily(
  db: Database,
  lifetimes: TokenLifetimes,
  { clientId, userId, scopes, withRefreshToken }: NewFamily,
): Promise<IssuedTokens | undefined> {
  const accessToken = newToken('access');
  const refreshToken = withRefreshToken ? newToken('refresh') : undefined;
  const rows = await query(db, ISSUE, [
    uuidv7(),
    clientId,
    userId,
    hashToken(accessToken),
    scopes,
    lifetimes.accessTokenSeconds,
    refreshToken === undefined ? null : hashToken(refreshToken),
    lifetimes.refreshTokenSeconds,
  ]);
  if (rows.length === 0) return undefined;
  return { accessToken, expiresIn: lifetimes.accessTokenSeconds, refreshToken, scopes };
}
