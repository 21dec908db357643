import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database.js';
import type { ExternalIdentity, ProviderNames } from '../../people/external-users.js';
import type { UserKind, UserRole } from '../../profile.js';
import { transaction } from '../../transaction.js';
import type { Scope } from '../../viewer.js';
import { LEEWAY_SECONDS } from './trusted-issuer.js';

/** What is written of a token at its first use. */
export interface FirstUse {
  hash: Buffer;
  userId: string;
  identity: ExternalIdentity;
  /** Undefined: the issuer says nothing of roles. */
  role: UserRole | undefined;
  /** Names that are not given stay. */
  names: ProviderNames;
  scopes: readonly Scope[];
  issuedAt: Date;
  expiresAt: Date;
}

export interface Admission {
  /** Whether the user's role or names changed. */
  isUserChanged: boolean;
}

interface UserRow {
  role: UserRole;
  kind: UserKind;
  first_name: string;
  last_name: string;
}

// The lock makes a deactivation at the same time wait, so that it ends this family too, and lets one first use of a token go first.
const LOCK_USER = `SELECT role, kind, first_name, last_name FROM users WHERE id = $1 AND is_active AND kind <> 'bot' FOR NO KEY UPDATE`;
const IS_KNOWN = 'SELECT 1 FROM access_tokens WHERE hash = $1';
// Claims of an older token than the newest one say nothing any more, whenever it is used.
const KEEP_IDENTITY = `INSERT INTO external_identities AS i (issuer, subject, user_id, token_issued_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (issuer, subject) DO UPDATE SET user_id = excluded.user_id, token_issued_at = excluded.token_issued_at
  WHERE i.token_issued_at IS NULL OR i.token_issued_at <= excluded.token_issued_at`;
const UPDATE_USER = 'UPDATE users SET role = $2::user_role, first_name = $3, last_name = $4 WHERE id = $1';
const KEEP_TOKEN = `WITH family AS (INSERT INTO token_families (id, user_id) VALUES ($1, $2) RETURNING id)
  INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
  SELECT $3, family.id, $4, $5::timestamptz + make_interval(secs => ${LEEWAY_SECONDS}) FROM family
  ON CONFLICT (hash) DO NOTHING`;

/**
 * Writes a token of a trusted issuer like one of our own, in a family of its own, and what its claims say of its user. Undefined when the
 * user is a bot or not active. A token that was used before stays as it is, revoked ones revoked.
 */
export function admit(db: Database, use: FirstUse): Promise<Admission | undefined> {
  const { hash, userId, identity, issuedAt } = use;
  return transaction(db, async (connection) => {
    const [user] = (await connection.query<UserRow>(LOCK_USER, [userId])).rows;
    if (!user) return undefined;
    if ((await connection.query(IS_KNOWN, [hash])).rows.length > 0) return { isUserChanged: false };
    const kept = await connection.query(KEEP_IDENTITY, [identity.issuer, identity.subject, userId, issuedAt]);
    const isUserChanged = kept.rowCount === 1 && (await update(connection, user, use));
    await connection.query(KEEP_TOKEN, [uuidv7(), userId, hash, use.scopes, use.expiresAt]);
    return { isUserChanged };
  });
}

/**
 * Returns whether anything was to change. It may demote the last admin, as `Users.update` does not: the issuer has the say here, and makes
 * the next one.
 */
async function update(connection: PoolClient, user: UserRow, { userId, role, names }: FirstUse): Promise<boolean> {
  const { firstName = user.first_name, lastName = user.last_name } = names;
  const newRole = user.kind === 'human' && role ? role : user.role;
  if (newRole === user.role && firstName === user.first_name && lastName === user.last_name) return false;
  await connection.query(UPDATE_USER, [userId, newRole, firstName, lastName]);
  return true;
}
