import type { UserKind, UserProfile, UserRole } from '../../profile.js';

/** SQL: the columns of the user `u` of a token family. All are null for a client that acts for itself. */
export const HOLDER_COLUMNS = 'u.id AS user_id, u.username, u.first_name, u.last_name, u.role, u.kind, u.date_joined';

/**
 * SQL: true when the family `f` with its user `u` is neither revoked nor of an inactive user. One that is narrowed to chats ends when its
 * user becomes an admin: the rights of an admin know no chats. One that an application issued lives as long as that could issue it.
 */
export const FAMILY_IS_ALIVE = `f.revoked_at IS NULL AND (f.user_id IS NULL OR u.is_active)
  AND (f.chat_ids IS NULL OR u.role <> 'admin') AND (f.issued_by IS NULL OR is_vouched_for(f.issued_by, u.role))`;

/**
 * SQL: whether a trusted issuer's token of this time may begin a family of the user of the row. Tokens tell times in whole seconds: one of
 * the second in which the sign-ins were ended may be of before the end, so it begins none. The next second's does.
 */
export const MAY_BEGIN = (issuedAt: string) => `(sign_ins_ended_at IS NULL OR ${issuedAt} > sign_ins_ended_at)`;

export type HolderRow = { user_id: null } | (UserColumns & { user_id: string });

interface UserColumns {
  username: string;
  first_name: string;
  last_name: string;
  role: UserRole;
  kind: UserKind;
  date_joined: Date;
}

export function toHolder(row: HolderRow): UserProfile | null {
  if (row.user_id === null) return null;
  return {
    id: row.user_id,
    username: row.username,
    firstName: row.first_name,
    lastName: row.last_name,
    role: row.role,
    kind: row.kind,
    dateJoined: row.date_joined.toISOString(),
  };
}
