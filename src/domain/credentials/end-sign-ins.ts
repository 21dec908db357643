import type { PoolClient } from 'pg';
import { Multimap } from '../multimap.js';

/**
 * Revokes the token families of a user, and deletes their browser sessions and unused authorization codes, from which new families
 * could start; tokens that a trusted issuer has issued before begin none either. Runs in the transaction that changes the user, which must already hold the lock of the user's row: no new sign-in
 * can start, and one that was just starting is visible to these statements. Returns the revoked families, to announce after COMMIT.
 */
export async function endSignIns(connection: PoolClient, userId: string, exceptFamilyId?: string): Promise<string[]> {
  await connection.query('DELETE FROM browser_sessions WHERE user_id = $1', [userId]);
  await connection.query('DELETE FROM authorization_codes WHERE user_id = $1 AND consumed_at IS NULL', [userId]);
  await connection.query('UPDATE users SET sign_ins_ended_at = clock_timestamp() WHERE id = $1', [userId]);
  const { rows } = await connection.query<{ id: string }>(
    `UPDATE token_families SET revoked_at = clock_timestamp()
     WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2 RETURNING id`,
    [userId, exceptFamilyId ?? null],
  );
  return rows.map((row) => row.id);
}

/** As `endSignIns`, for several users at once; the families by user. The transaction holds the locks of all of their rows. */
export async function endSignInsOfAll(connection: PoolClient, userIds: readonly string[]): Promise<Multimap<string>> {
  const ended = new Multimap<string>();
  if (userIds.length === 0) return ended;
  await connection.query('DELETE FROM browser_sessions WHERE user_id = ANY ($1::uuid[])', [userIds]);
  await connection.query('DELETE FROM authorization_codes WHERE user_id = ANY ($1::uuid[]) AND consumed_at IS NULL', [
    userIds,
  ]);
  await connection.query('UPDATE users SET sign_ins_ended_at = clock_timestamp() WHERE id = ANY ($1::uuid[])', [
    userIds,
  ]);
  const { rows } = await connection.query<{ userId: string; familyId: string }>(
    `UPDATE token_families SET revoked_at = clock_timestamp()
     WHERE user_id = ANY ($1::uuid[]) AND revoked_at IS NULL RETURNING user_id AS "userId", id AS "familyId"`,
    [userIds],
  );
  for (const { userId, familyId } of rows) ended.add(userId, familyId);
  return ended;
}

/**
 * Ends what tokens of trusted issuers have begun for a user whose external id changes: such a token may name that id, and then is somebody
 * else's. It may come again, and is then of the user whom it names. Runs as `endSignIns` does.
 */
export async function endTokensOfIssuers(connection: PoolClient, userId: string): Promise<string[]> {
  const { rows } = await connection.query<{ id: string }>(
    `DELETE FROM token_families
     WHERE user_id = $1 AND (client_id IS NULL OR exchanged_from IS NOT NULL) AND revoked_at IS NULL RETURNING id`,
    [userId],
  );
  return rows.map((row) => row.id);
}
