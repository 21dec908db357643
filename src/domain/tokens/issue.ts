import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from '../database.js';
import type { Scope } from '../viewer.js';
import { hashToken, newToken } from './opaque-token.js';

/** Lifetimes, in seconds. */
export interface TokenLifetimes {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** How long after the sign-in a refresh token may be used at most, however often it was rotated. */
  refreshTokenAbsoluteSeconds: number;
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
  /** The user's password's version that the sign-in was checked against; undefined where no password was. */
  passwordVersion?: number | undefined;
}

// The locks make a deactivation, removal or change of password that happens meanwhile wait, so that it ends this family too.
const ISSUE = {
  name: 'token-family-issue',
  text: `WITH client AS (SELECT id FROM oauth_clients WHERE id = $2 FOR KEY SHARE),
      holder AS (
        SELECT id FROM users WHERE id = $3 AND is_active AND ($9::int IS NULL OR password_version = $9) FOR SHARE),
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
  family: NewFamily,
): Promise<IssuedTokens | undefined> {
  const { values, tokens } = prepare(lifetimes, family);
  const rows = await query(db, ISSUE, values);
  return rows.length > 0 ? tokens : undefined;
}

/** The same inside a transaction; undefined also leaves the transaction as it was. */
export async function issueFamilyWithin(
  connection: PoolClient,
  lifetimes: TokenLifetimes,
  family: NewFamily,
): Promise<(IssuedTokens & { familyId: string }) | undefined> {
  const { values, tokens } = prepare(lifetimes, family);
  const { rows } = await connection.query<{ id: string }>(ISSUE.text, values);
  const [row] = rows;
  return row && { ...tokens, familyId: row.id };
}

function prepare(lifetimes: TokenLifetimes, family: NewFamily): { values: unknown[]; tokens: IssuedTokens } {
  const accessToken = newToken('access');
  const refreshToken = family.withRefreshToken ? newToken('refresh') : undefined;
  const values = [
    uuidv7(),
    family.clientId,
    family.userId,
    hashToken(accessToken),
    family.scopes,
    lifetimes.accessTokenSeconds,
    refreshToken === undefined ? null : hashToken(refreshToken),
    Math.min(lifetimes.refreshTokenSeconds, lifetimes.refreshTokenAbsoluteSeconds),
    family.passwordVersion ?? null,
  ];
  const { scopes } = family;
  return { values, tokens: { accessToken, expiresIn: lifetimes.accessTokenSeconds, refreshToken, scopes } };
}
