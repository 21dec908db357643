import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { type Database, query } from '../../database.js';
import { transaction } from '../../transaction.js';
import type { Scope } from '../../viewer.js';
import { knownScopes } from '../scopes.js';
import { type IssuedTokens, issueFamilyWithin, type TokenLifetimes } from './issue.js';
import { hashToken, isToken, newToken } from './opaque-token.js';

/** Lifetime of a code in seconds. RFC 6749 §4.1.2 allows ten minutes; clients redeem a code at once. */
const CODE_SECONDS = 60;

export interface NewCode {
  /** The secret of the browser session in which the user agreed. */
  browserSession: string;
  clientId: string;
  /** As the authorization request had it; null when it had none. */
  redirectUri: string | null;
  scopes: readonly Scope[];
  /** PKCE, method S256: https://datatracker.ietf.org/doc/html/rfc7636#section-4.2 */
  codeChallenge: string;
}

// The lock makes a statement that ends the session wait. It then finds this code and deletes it.
const CREATE = {
  name: 'authorization-code-create',
  text: `WITH session AS (
      SELECT s.user_id FROM browser_sessions s JOIN users u ON u.id = s.user_id
      WHERE s.hash = $1 AND s.expires_at > now() AND u.is_active FOR KEY SHARE OF s)
    INSERT INTO authorization_codes (hash, client_id, user_id, redirect_uri, scopes, code_challenge, expires_at)
    SELECT $2, c.id, session.user_id, $4, $5, $6, now() + make_interval(secs => $7)
    FROM session, oauth_clients c WHERE c.id = $3
    RETURNING hash`,
};

export async function createCode(db: Database, request: NewCode): Promise<string | undefined> {
  if (!isToken('browserSession', request.browserSession)) return undefined;
  const code = newToken('code');
  const rows = await query(db, CREATE, [
    hashToken(request.browserSession),
    hashToken(code),
    request.clientId,
    request.redirectUri,
    request.scopes,
    request.codeChallenge,
    CODE_SECONDS,
  ]);
  return rows.length > 0 ? code : undefined;
}

export interface CodeRedemption {
  code: string;
  /** The client that presents the code; another client's code is refused and stays as it is. */
  clientId: string;
  redirectUri: string | undefined;
  codeVerifier: string;
  withRefreshToken: boolean;
  /** The IP address of the request, for counting made-up codes. */
  address?: string | undefined;
}

export type CodeResult =
  | { outcome: 'issued'; tokens: IssuedTokens; userId: string }
  /** Unknown, expired, of another client, redirect URI or verifier; or the user is no longer active. */
  | { outcome: 'refused' }
  /** Used before. The family of the first use is revoked (RFC 6749 §4.1.2, RFC 9700 §2.1.1). */
  | { outcome: 'reused'; familyIds: string[] };

interface CodeRow {
  client_id: string;
  user_id: string;
  redirect_uri: string | null;
  scopes: string[];
  code_challenge: string;
  family_id: string | null;
  consumed: boolean;
  expired: boolean;
}

// Locks the user before the code, in the order of `endSignIns`.
const LOCK_USER = `SELECT 1 FROM users
  WHERE id = (SELECT user_id FROM authorization_codes WHERE hash = $1) FOR SHARE`;
const LOCK = `SELECT client_id, user_id, redirect_uri, scopes, code_challenge, family_id,
    consumed_at IS NOT NULL AS consumed, expires_at <= clock_timestamp() AS expired
  FROM authorization_codes WHERE hash = $1 FOR UPDATE`;
const CONSUME = 'UPDATE authorization_codes SET consumed_at = clock_timestamp(), family_id = $2 WHERE hash = $1';

/** Redeems a code in a transaction that holds its row lock: of concurrent requests only one gets tokens. */
export function redeemCode(db: Database, lifetimes: TokenLifetimes, redemption: CodeRedemption): Promise<CodeResult> {
  const hash = hashToken(redemption.code);
  return transaction(db, async (connection): Promise<CodeResult> => {
    await connection.query(LOCK_USER, [hash]);
    const { rows } = await connection.query<CodeRow>(LOCK, [hash]);
    const [row] = rows;
    if (!row || row.client_id !== redemption.clientId) return { outcome: 'refused' };
    if (row.consumed) return { outcome: 'reused', familyIds: await endFamily(connection, row.family_id) };
    if (row.expired || !matchesRequest(redemption, row)) return { outcome: 'refused' };
    const issued = await issueFamilyWithin(connection, lifetimes, {
      clientId: row.client_id,
      userId: row.user_id,
      scopes: knownScopes(row.scopes),
      withRefreshToken: redemption.withRefreshToken,
    });
    if (!issued) return { outcome: 'refused' };
    const { familyId, ...tokens } = issued;
    await connection.query(CONSUME, [hash, familyId]);
    return { outcome: 'issued', tokens, userId: row.user_id };
  });
}

/** True when redirect URI and code verifier match the authorization request (RFC 6749 §4.1.3, RFC 7636 §4.6). */
function matchesRequest({ redirectUri, codeVerifier }: CodeRedemption, row: CodeRow): boolean {
  if (row.redirect_uri !== null && row.redirect_uri !== redirectUri) return false;
  return createHash('sha256').update(codeVerifier).digest('base64url') === row.code_challenge;
}

async function endFamily(connection: PoolClient, familyId: string | null): Promise<string[]> {
  const { rows } = await connection.query<{ id: string }>(
    `UPDATE token_families SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL RETURNING id`,
    [familyId],
  );
  return rows.map(({ id }) => id);
}
