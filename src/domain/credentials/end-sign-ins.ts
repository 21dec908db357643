import type { PoolClient } from 'pg';

/**
 * Revokes the token families of a user, and deletes their browser sessions and unused authorization codes, from which new families
 * could start. Runs in the transaction that changes the user, which must already hold the lock of the user's row: no new sign-in
 * can start, and one that was just starting is visible to these statements. Returns the revoked families, to announce after COMMIT.
 */
export async function endSignIns(connection: PoolClient, userId: string, exceptFamilyId?: string): Promise<string[]> {
  await connection.query('DELETE FROM browser_sessions WHERE user_id = $1', [userId]);
  await connection.query('DELETE FROM authorization_codes WHERE user_id = $1 AND consumed_at IS NULL', [userId]);
  const { rows } = await connection.query<{ id: string }>(
    `UPDATE token_families SET revoked_at = clock_timestamp()
     WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2 RETURNING id`,
    [userId, exceptFamilyId ?? null],
  );
  return rows.map((row) => row.id);
}
