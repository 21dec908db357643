import type { PoolClient } from 'pg';
import { type Database, query } from '../database.js';
import { DomainError } from '../errors.js';
import type { UserRole } from '../profile.js';
import { requireUser, type Viewer } from '../viewer.js';

const IS_SIGNED_IN = {
  name: 'is-signed-in',
  text: `SELECT 1 FROM users u JOIN token_families f ON f.user_id = u.id
    WHERE u.id = $1 AND u.is_active AND f.id = $2 AND f.revoked_at IS NULL
      AND is_vouched_for(f.issued_by, u.role)`,
};

/** The error when `lock_sign_in` gave no admin: `UNAUTHENTICATED` when the sign-in has ended, `FORBIDDEN` otherwise. */
export async function notAdminError(db: Database, viewer: Viewer): Promise<DomainError> {
  const rows = await query(db, IS_SIGNED_IN, [requireUser(viewer).id, viewer.familyId]);
  return refusal(rows.length > 0);
}

/**
 * Locks the admin's rows to the end of the transaction.
 * @throws DomainError `UNAUTHENTICATED` when the sign-in has ended, `FORBIDDEN` when the user is not an admin
 */
export async function requireActingAdmin(connection: PoolClient, viewer: Viewer): Promise<void> {
  const values = [requireUser(viewer).id, viewer.familyId];
  const acting = await connection.query<{ role: UserRole | null }>('SELECT lock_sign_in($1, $2) AS role', values);
  if (acting.rows[0]?.role === 'admin') return;
  const signedIn = await connection.query(IS_SIGNED_IN.text, values);
  throw refusal(signedIn.rows.length > 0);
}

const ACTING_PERSON = `SELECT 1 FROM users WHERE id = $1 AND is_active AND kind = 'human' FOR NO KEY UPDATE`;
const ACTING_FAMILY = 'SELECT 1 FROM token_families WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL FOR SHARE';

/**
 * Locks the rows of a person who acts for themselves to the end of the transaction: what they do comes one after another.
 * @throws DomainError `UNAUTHENTICATED` when the sign-in has ended, `FORBIDDEN` for who is no person
 */
export async function requireActingPerson(connection: PoolClient, viewer: Viewer): Promise<string> {
  const { id, kind } = requireUser(viewer);
  if (kind !== 'human') throw new DomainError('FORBIDDEN', 'Only people may do this.', { rule: `user.${kind}` });
  if ((await connection.query(ACTING_PERSON, [id])).rows.length === 0) throw signInEnded();
  if ((await connection.query(ACTING_FAMILY, [viewer.familyId, id])).rows.length === 0) throw signInEnded();
  return id;
}

function refusal(isSignedIn: boolean): DomainError {
  return isSignedIn
    ? new DomainError('FORBIDDEN', 'Only admins may do this, and this sign-in is not an admin’s any more.')
    : signInEnded();
}

/** For a sign-in that ended while its request was under way. */
export function signInEnded(): DomainError {
  return new DomainError('UNAUTHENTICATED', 'This sign-in has ended.');
}
