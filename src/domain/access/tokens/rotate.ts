import { randomBytes } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Database } from '../../database.js';
import { transaction } from '../../transaction.js';
import type { Scope } from '../../viewer.js';
import { knownScopes, selectScopes } from '../scopes.js';
import { FAMILY_IS_ALIVE } from './holder-row.js';
import type { IssuedTokens, TokenLifetimes } from './issue.js';
import { deriveToken, hashToken } from './opaque-token.js';
import { REVOKE_FAMILY } from './revoke.js';

export interface RefreshRequest {
  refreshToken: string;
  /** The client that presents the token; another client's token is refused and stays as it is. */
  clientId: string;
  /** The scopes of the new access token; undefined for all that were granted. */
  scopes: readonly string[] | undefined;
  /** The IP address of the request, for counting made-up tokens. */
  address?: string | undefined;
}

export type RotationResult =
  | { outcome: 'rotated'; tokens: IssuedTokens; familyId: string }
  /** The request asks for more than was granted (RFC 6749 §6). Nothing changed; the token is still valid. */
  | { outcome: 'scope_exceeded' }
  | { outcome: 'refused' }
  /** A consumed token came back, so somebody has a copy of it. The family is revoked (RFC 9700 §4.14.2). */
  | { outcome: 'reused'; familyId: string };

interface RefreshTokenRow {
  family_id: string;
  client_id: string;
  scopes: string[];
  family_alive: boolean;
  expired: boolean;
  consumed: boolean;
  /** True within the grace time after the token was consumed, in which its answer may be repeated. */
  in_grace: boolean | null;
  successor_salt: Buffer | null;
}

// Two statements: a single one that waits for the lock would still see the rows as they were before the wait.
const LOCK_FAMILY = `SELECT 1 FROM token_families
  WHERE id = (SELECT family_id FROM refresh_tokens WHERE hash = $1) FOR NO KEY UPDATE`;
const READ = `SELECT r.family_id, f.client_id, r.scopes, ${FAMILY_IS_ALIVE} AS family_alive,
    r.expires_at <= clock_timestamp() AS expired, r.consumed_at IS NOT NULL AS consumed,
    r.consumed_at > clock_timestamp() - make_interval(secs => $2) AS in_grace, r.successor_salt
  FROM refresh_tokens r JOIN token_families f ON f.id = r.family_id LEFT JOIN users u ON u.id = f.user_id
  WHERE r.hash = $1`;

/**
 * Exchanges a refresh token for its successors, in a transaction that holds the family's row lock: concurrent requests produce one
 * chain of tokens.
 */
export function rotate(db: Database, lifetimes: TokenLifetimes, request: RefreshRequest): Promise<RotationResult> {
  return transaction(db, async (connection) => {
    const hash = hashToken(request.refreshToken);
    await connection.query(LOCK_FAMILY, [hash]);
    const { rows } = await connection.query<RefreshTokenRow>(READ, [hash, lifetimes.refreshGraceSeconds]);
    const [row] = rows;
    if (!row || row.client_id !== request.clientId || !row.family_alive) return { outcome: 'refused' };
    if (row.consumed) return repeatAnswer(connection, row, request);
    if (row.expired) return { outcome: 'refused' };
    const granted = knownScopes(row.scopes);
    const scopes = selectScopes(request.scopes, granted);
    if (!scopes) return { outcome: 'scope_exceeded' };
    const tokens = await issueSuccessors(connection, lifetimes, row.family_id, request.refreshToken, granted, scopes);
    return { outcome: 'rotated', tokens, familyId: row.family_id };
  });
}

// A client that presents a token has received the answer with it. That answer must not be repeated any more, so the salt that
// reproduces it is deleted. Earlier access tokens are revoked, as django-oauth-toolkit does.
const ISSUE_SUCCESSORS = `WITH arrived AS (
    UPDATE refresh_tokens SET successor_salt = NULL WHERE family_id = $1 AND successor_salt IS NOT NULL),
  ended AS (
    UPDATE access_tokens SET revoked_at = clock_timestamp() WHERE family_id = $1 AND revoked_at IS NULL),
  consumed AS (
    UPDATE refresh_tokens SET consumed_at = clock_timestamp(), successor_salt = $3 WHERE hash = $2),
  access AS (
    INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
    VALUES ($4, $1, $5, clock_timestamp() + make_interval(secs => $6)))
  INSERT INTO refresh_tokens (hash, family_id, scopes, expires_at)
  SELECT $7, f.id, $8,
    least(clock_timestamp() + make_interval(secs => $9), f.created_at + make_interval(secs => $10))
  FROM token_families f WHERE f.id = $1`;

/** The new refresh token keeps all granted scopes, even when the access token gets fewer (RFC 6749 §6). */
async function issueSuccessors(
  connection: PoolClient,
  lifetimes: TokenLifetimes,
  familyId: string,
  presented: string,
  granted: readonly Scope[],
  scopes: readonly Scope[],
): Promise<IssuedTokens> {
  const salt = randomBytes(32);
  const { accessToken, refreshToken } = successors(presented, salt);
  await connection.query(ISSUE_SUCCESSORS, [
    familyId,
    hashToken(presented),
    salt,
    hashToken(accessToken),
    scopes,
    lifetimes.accessTokenSeconds,
    hashToken(refreshToken),
    granted,
    lifetimes.refreshTokenSeconds,
    lifetimes.refreshTokenAbsoluteSeconds,
  ]);
  return { accessToken, refreshToken, expiresIn: lifetimes.accessTokenSeconds, scopes };
}

function successors(presented: string, salt: Buffer) {
  return {
    accessToken: deriveToken('access', presented, salt),
    refreshToken: deriveToken('refresh', presented, salt),
  };
}

const SUCCESSOR = `SELECT scopes, ceil(extract(epoch FROM expires_at - clock_timestamp()))::int AS expires_in
  FROM access_tokens WHERE hash = $1 AND revoked_at IS NULL`;

/** For a consumed token: repeats its answer within the grace time, in case it was lost; otherwise revokes the family. */
async function repeatAnswer(
  connection: PoolClient,
  row: RefreshTokenRow,
  { refreshToken: presented }: RefreshRequest,
): Promise<RotationResult> {
  if (row.in_grace && row.successor_salt) {
    const { accessToken, refreshToken } = successors(presented, row.successor_salt);
    const { rows } = await connection.query<{ scopes: string[]; expires_in: number }>(SUCCESSOR, [
      hashToken(accessToken),
    ]);
    const [successor] = rows;
    if (successor) {
      const { scopes, expires_in } = successor;
      const expiresIn = Math.max(0, expires_in);
      return {
        outcome: 'rotated',
        tokens: { accessToken, refreshToken, expiresIn, scopes: knownScopes(scopes) },
        familyId: row.family_id,
      };
    }
  }
  await connection.query(REVOKE_FAMILY, [row.family_id]);
  return { outcome: 'reused', familyId: row.family_id };
}
