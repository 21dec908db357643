import { type Database, query } from '../database.js';
import { transaction } from '../transaction.js';
import { hashToken, isToken } from './opaque-token.js';

/** A family ends as a whole: each of its tokens is dead from this COMMIT on. */
export const REVOKE_FAMILY = 'UPDATE token_families SET revoked_at = clock_timestamp() WHERE id = $1';

const REVOKE_BY_TOKEN = {
  name: 'token-family-revoke',
  text: `UPDATE token_families f SET revoked_at = clock_timestamp()
    FROM (SELECT family_id FROM access_tokens WHERE hash = $1
      UNION SELECT family_id FROM refresh_tokens WHERE hash = $1) t
    WHERE f.id = t.family_id AND f.client_id = $2 AND f.revoked_at IS NULL
    RETURNING f.id`,
};

/** Ends the family of an access or refresh token, also of one that is expired or consumed. Returns what it ended. */
export async function revokeByToken(db: Database, token: string, clientId: string): Promise<string[]> {
  if (!isToken('access', token) && !isToken('refresh', token)) return [];
  return ids(await query<{ id: string }>(db, REVOKE_BY_TOKEN, [hashToken(token), clientId]));
}

const REVOKE_OF_USER = {
  name: 'token-families-revoke-user',
  text: `UPDATE token_families SET revoked_at = clock_timestamp()
    WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
    RETURNING id`,
};

// One after the other, each seeing what the one before waited for: a session that is just making a code, a code that is
// just being exchanged.
const FORGET_BROWSERS_OF_USER = {
  name: 'browser-sessions-delete-user',
  text: 'DELETE FROM browser_sessions WHERE user_id = $1',
};
const FORGET_CODES_OF_USER = {
  name: 'authorization-codes-delete-user',
  text: 'DELETE FROM authorization_codes WHERE user_id = $1 AND consumed_at IS NULL',
};

/** Ends the families of a user and what could still become one: sign-ins of browsers, codes that nobody used yet. */
export async function revokeOfUser(db: Database, userId: string, exceptFamilyId?: string): Promise<string[]> {
  await query(db, FORGET_BROWSERS_OF_USER, [userId]);
  await query(db, FORGET_CODES_OF_USER, [userId]);
  return ids(await query<{ id: string }>(db, REVOKE_OF_USER, [userId, exceptFamilyId ?? null]));
}

/**
 * Removes a client with everything that was issued to it. Undefined when there is none; otherwise the families that ended.
 * The lock waits for sign-ins that are just being made, which then go too.
 */
export function removeClient(db: Database, clientId: string): Promise<string[] | undefined> {
  return transaction(db, async (connection) => {
    const client = await connection.query('SELECT 1 FROM oauth_clients WHERE id = $1 FOR UPDATE', [clientId]);
    if (client.rows.length === 0) return undefined;
    const families = await connection.query<{ id: string }>('SELECT id FROM token_families WHERE client_id = $1', [
      clientId,
    ]);
    await connection.query('DELETE FROM oauth_clients WHERE id = $1', [clientId]);
    return ids(families.rows);
  });
}

function ids(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id);
}
