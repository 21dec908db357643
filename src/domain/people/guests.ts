import { writeAudit } from '../audit.js';
import { endSignInsOfAll } from '../credentials/end-sign-ins.js';
import type { Database } from '../database.js';
import { transaction } from '../transaction.js';
import { USER_CHANGES_LOCK, type UserChangeListener } from './users.js';

/** How long a guest is remembered after the last token, in days. */
export const GUEST_DAYS = 30;

/** Guests in one transaction. */
const STEP = 300;

// The name says nothing, and nobody can have taken it before: one that is made of the id would be known to everybody.
const FORGET = `UPDATE users u SET username = gone.name, username_key = gone.name, email = NULL, first_name = '', last_name = '',
    external_id = NULL, is_active = false, forget_at = NULL
  FROM (
    SELECT id, 'guest-' || gen_random_uuid() AS name FROM users WHERE kind = 'guest' AND forget_at <= now()
    ORDER BY forget_at LIMIT ${STEP}) gone
  WHERE u.id = gone.id AND u.kind = 'guest' AND u.forget_at <= now() RETURNING u.id`;

/** People without accounts of their own. */
export class Guests {
  constructor(
    private readonly db: Database,
    private readonly onChange: UserChangeListener,
  ) {}

  /**
   * Forgets who those guests were who have had no token for `GUEST_DAYS`: their names, e-mail addresses and external ids. Their messages stay,
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
    const { ids, ended } = await transaction(
      this.db,
      async (connection) => {
        const { rows } = await connection.query<{ id: string }>(FORGET);
        const ids = rows.map(({ id }) => id);
        await connection.query('DELETE FROM external_identities WHERE user_id = ANY ($1::uuid[])', [ids]);
        const ended = await endSignInsOfAll(connection, ids);
        await writeAudit(
          connection,
          undefined,
          ids.map((id) => ({ action: 'user.forgotten', target: id })),
        );
        return { ids, ended };
      },
      { lock: USER_CHANGES_LOCK },
    );
    for (const userId of ids) await this.onChange({ userId, endedFamilyIds: ended.get(userId) });
    return ids.length;
  }
}
