import type { PoolClient } from 'pg';
import type { Database } from '../../database.js';
import { transaction } from '../../transaction.js';

/** How many rows were deleted. */
export interface DeletedRows {
  families: number;
  accessTokens: number;
  refreshTokens: number;
  authorizationCodes: number;
  socketTickets: number;
  browserSessions: number;
}

/** Rows per transaction. Their locks are held for a few milliseconds. */
const STEP_ROWS = 300;

/**
 * Deletes at most 300 expired rows of each kind, each kind in a transaction of its own. Skips rows that another process is deleting.
 * Consumed refresh tokens and revoked families stay until their tokens would have expired: reuse of a token is then noticed, and an
 * import does not bring back what was revoked.
 */
export async function deleteExpiredStep(db: Database): Promise<DeletedRows> {
  const remove = (table: string, condition = 'true') =>
    db.pool.query(expired(table, condition), [STEP_ROWS]).then(({ rowCount }) => rowCount ?? 0);
  const socketTickets = await remove('socket_tickets');
  const browserSessions = await remove('browser_sessions');
  // A used code stays as long as the family that it started, so that a second use of the code revokes the family.
  const authorizationCodes = await remove(
    'authorization_codes',
    'NOT EXISTS (SELECT 1 FROM token_families f WHERE f.id = e.family_id AND f.revoked_at IS NULL)',
  );
  const access = await transaction(db, (connection) => deleteTokens(connection, 'access_tokens'));
  const refresh = await transaction(db, (connection) => deleteTokens(connection, 'refresh_tokens'));
  return {
    families: access.families + refresh.families,
    accessTokens: access.tokens,
    refreshTokens: refresh.tokens,
    authorizationCodes,
    socketTickets,
    browserSessions,
  };
}

/** True when the step reached its limit, so that more rows may be left. */
export function isFullStep({ families, ...rows }: DeletedRows): boolean {
  return families >= STEP_ROWS || Object.values(rows).some((count) => count >= STEP_ROWS);
}

/** Deletes everything that has expired, in steps, and what only a scan of whole tables finds: old salts and families without tokens. */
export async function deleteExpired(db: Database, graceSeconds: number): Promise<DeletedRows> {
  await db.pool.query(
    `UPDATE refresh_tokens SET successor_salt = NULL
     WHERE successor_salt IS NOT NULL AND consumed_at < now() - make_interval(secs => $1)`,
    [graceSeconds],
  );
  const sum: DeletedRows = {
    families: 0,
    accessTokens: 0,
    refreshTokens: 0,
    authorizationCodes: 0,
    socketTickets: 0,
    browserSessions: 0,
  };
  for (let isMore = true; isMore; ) {
    const step = await deleteExpiredStep(db);
    sum.families += step.families;
    sum.accessTokens += step.accessTokens;
    sum.refreshTokens += step.refreshTokens;
    sum.authorizationCodes += step.authorizationCodes;
    sum.socketTickets += step.socketTickets;
    sum.browserSessions += step.browserSessions;
    isMore = isFullStep(step);
  }
  const { rowCount } = await db.pool.query(`DELETE FROM token_families f WHERE ${HAS_NO_TOKENS}`);
  return { ...sum, families: sum.families + (rowCount ?? 0) };
}

const HAS_NO_TOKENS = `NOT EXISTS (SELECT 1 FROM access_tokens t WHERE t.family_id = f.id)
  AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.family_id = f.id)`;

function expired(table: string, condition: string): string {
  return `DELETE FROM ${table} WHERE hash IN (
    SELECT e.hash FROM ${table} e WHERE e.expires_at <= now() AND ${condition}
    ORDER BY e.expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`;
}

/** Deletes expired tokens, and families whose last token was deleted. */
async function deleteTokens(connection: PoolClient, table: string): Promise<{ tokens: number; families: number }> {
  const gone = await connection.query<{ family_id: string }>(`${expired(table, 'true')} RETURNING family_id`, [
    STEP_ROWS,
  ]);
  if (gone.rows.length === 0) return { tokens: 0, families: 0 };
  const ids = [...new Set(gone.rows.map((row) => row.family_id))];
  const families = await connection.query(
    `DELETE FROM token_families WHERE id IN (
       SELECT f.id FROM token_families f WHERE f.id = ANY ($1::uuid[]) AND ${HAS_NO_TOKENS} FOR UPDATE SKIP LOCKED)`,
    [ids],
  );
  return { tokens: gone.rows.length, families: families.rowCount ?? 0 };
}
