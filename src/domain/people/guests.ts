import { endSignInsOfAll } from '../credentials/end-sign-ins.js';
import type { Database } from '../database.js';
import { transaction } from '../transaction.js';
import { USER_CHANGES_LOCK, type UserChangeListener } from './users.js';

/** Guests in one transaction. */
const STEP = 300;

// The name is made of the id: it is free, and says nothing.
const FORGET = `UPDATE users SET username = 'guest-' || id, username_key = 'guest-' || id, email = NULL, first_name = '', last_name = '',
    external_id = NULL, is_active = false, forget_at = NULL
  WHERE id IN (SELECT id FROM users WHERE kind = 'guest' AND forget_at <= now() ORDER BY forget_at LIMIT ${STEP}) RETURNING id`;

/** People without accounts of their own. */
export class Guests {
  constructor(
    private readonly db: Database,
    private readonly onChange: UserChangeListener,
  ) {}

  /**
   * Forgets who those guests were who have had no token for 30 days: their names, e-mail addresses and external ids. Their messages stay,
   * under a name that says nothing. Returns how many they were.
   */
  async forget(): Promise<number> {
    let count = 0;
    for (;;) {
      const forgotten = await this.forgetSome();
      count += forgotten;
      if (forgotten < STEP) return count;
    }
  }

  private async forgetSome(): Promise<number> {
    const { ids, ended } = await transaction(this.db, async (connection) => {
      await connection.query('SELECT pg_advisory_xact_lock($1)', [USER_CHANGES_LOCK]);
      const { rows } = await connection.query<{ id: string }>(FORGET);
      const ids = rows.map(({ id }) => id);
      await connection.query('DELETE FROM external_identities WHERE user_id = ANY ($1::uuid[])', [ids]);
      return { ids, ended: await endSignInsOfAll(connection, ids) };
    });
    for (const userId of ids)
      await this.onChange({
        userId,
        endedFamilyIds: ended.filter((family) => family.userId === userId).map(({ familyId }) => familyId),
      });
    return ids.length;
  }
}
