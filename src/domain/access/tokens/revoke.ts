import { writeAudit } from '../../audit.js';
import { endSignIns } from '../../credentials/end-sign-ins.js';
import { type Database, query } from '../../database.js';
import { transaction } from '../../transaction.js';
import { hashToken } from './opaque-token.js';

/** Revokes a family: from COMMIT on, all its tokens are invalid. */
export const REVOKE_FAMILY = 'UPDATE token_families SET revoked_at = clock_timestamp() WHERE id = $1';

const REVOKE_BY_TOKEN = {
  name: 'token-family-revoke',
  text: `UPDATE token_families f SET revoked_at = clock_timestamp()
    FROM (SELECT family_id FROM access_tokens WHERE hash = $1
      UNION SELECT family_id FROM refresh_tokens WHERE hash = $1) t
    WHERE f.id = t.family_id AND f.client_id = $2 AND f.revoked_at IS NULL
    RETURNING f.id`,
};

/** Revokes the family of an access or refresh token, even an expired or consumed one. Returns the ids of revoked families. */
export async function revokeByToken(db: Database, token: string, clientId: string): Promise<string[]> {
  return ids(await query<{ id: string }>(db, REVOKE_BY_TOKEN, [hashToken(token), clientId]));
}

/** Runs `endSignIns` in a transaction of its own, without other changes to the user. */
export function endSignInsOfUser(db: Database, userId: string, exceptFamilyId?: string): Promise<string[]> {
  return transaction(db, async (connection) => {
    await connection.query('SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
    return endSignIns(connection, userId, exceptFamilyId);
  });
}

/**
 * Deletes a client with everything that was issued to it or by it, for an operator. Returns the ids of the families that ended; undefined when there is no
 * such client. The lock waits for sign-ins that are under way, which are then deleted too.
 */
export function removeClient(db: Database, clientId: string): Promise<string[] | undefined> {
  return transaction(db, async (connection) => {
    const client = await connection.query('SELECT 1 FROM oauth_clients WHERE id = $1 FOR UPDATE', [clientId]);
    if (client.rows.length === 0) return undefined;
    const families = await connection.query<{ id: string }>(
      'SELECT id FROM token_families WHERE client_id = $1 OR issued_by = $1',
      [clientId],
    );
    await connection.query('DELETE FROM oauth_clients WHERE id = $1', [clientId]);
    await writeAudit(connection, undefined, [{ action: 'client.removed', target: clientId }]);
    return ids(families.rows);
  });
}

function ids(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id);
}
