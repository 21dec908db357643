import type { Database } from '../database.js';

/** How many rows a cleaning removed. */
export interface Cleared {
  families: number;
  accessTokens: number;
  refreshTokens: number;
  authorizationCodes: number;
  socketTickets: number;
  browserSessions: number;
}

/**
 * Consumed refresh tokens and revoked families stay until their tokens would have expired, so that reuse is noticed and
 * nothing that was ended is imported a second time.
 */
export async function deleteExpired(db: Database, graceSeconds: number): Promise<Cleared> {
  const remove = async (sql: string) => (await db.pool.query(sql)).rowCount ?? 0;
  await db.pool.query(
    `UPDATE refresh_tokens SET successor_salt = NULL
     WHERE successor_salt IS NOT NULL AND consumed_at < now() - make_interval(secs => $1)`,
    [graceSeconds],
  );
  const socketTickets = await remove('DELETE FROM socket_tickets WHERE expires_at <= now()');
  const browserSessions = await remove('DELETE FROM browser_sessions WHERE expires_at <= now()');
  // A used code stays with the family that it started, so that a second use ends it.
  const authorizationCodes = await remove(
    `DELETE FROM authorization_codes c WHERE expires_at <= now()
       AND NOT EXISTS (SELECT 1 FROM token_families f WHERE f.id = c.family_id AND f.revoked_at IS NULL)`,
  );
  const accessTokens = await remove('DELETE FROM access_tokens WHERE expires_at <= now()');
  const refreshTokens = await remove('DELETE FROM refresh_tokens WHERE expires_at <= now()');
  const families = await remove(
    `DELETE FROM token_families f WHERE NOT EXISTS (SELECT 1 FROM access_tokens t WHERE t.family_id = f.id)
      AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.family_id = f.id)`,
  );
  return { families, accessTokens, refreshTokens, authorizationCodes, socketTickets, browserSessions };
}
