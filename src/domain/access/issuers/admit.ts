import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { writeAudit } from '../../audit.js';
import type { Database } from '../../database.js';
import type { ExternalIdentity, ProviderNames } from '../../people/external-users.js';
import { GUEST_DAYS } from '../../people/guests.js';
import { USER_CHANGES_LOCK } from '../../people/users.js';
import type { UserKind, UserRole } from '../../profile.js';
import { transaction } from '../../transaction.js';
import type { Scope } from '../../viewer.js';
import { MAY_BEGIN } from '../tokens/holder-row.js';
import { LEEWAY_SECONDS } from './trusted-issuer.js';

/** What a token says of its user. */
export interface TokenOfUser {
  userId: string;
  identity: ExternalIdentity;
  /** Undefined: the issuer says nothing of roles. */
  role: UserRole | undefined;
  /** Names that are not given stay. */
  names: ProviderNames;
  issuedAt: Date;
  expiresAt: Date;
  /** What is written of the token itself. Undefined for one that is exchanged and of no use as it is. */
  bearer?: { hash: Buffer; scopes: readonly Scope[] } | undefined;
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
const LOCK_USER = `SELECT role, kind, first_name, last_name FROM users
  WHERE id = $1 AND is_active AND kind <> 'bot' AND ${MAY_BEGIN('$2::timestamptz')} FOR NO KEY UPDATE`;
const IS_KNOWN = 'SELECT 1 FROM access_tokens WHERE hash = $1';
// Claims of an older token than the newest one say nothing any more, whenever it is used.
const KEEP_IDENTITY = `INSERT INTO external_identities AS i (issuer, subject, user_id, token_issued_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (issuer, subject) DO UPDATE SET user_id = excluded.user_id, token_issued_at = excluded.token_issued_at
  WHERE i.token_issued_at IS NULL OR i.token_issued_at <= excluded.token_issued_at`;
const UPDATE_USER = 'UPDATE users SET role = $2::user_role, first_name = $3, last_name = $4 WHERE id = $1';
// As for a token that an application issues: who comes back with a token of theirs is no stranger.
const REMEMBER_GUEST = `UPDATE users SET forget_at = greatest(forget_at, $2::timestamptz + make_interval(days => ${GUEST_DAYS}))
  WHERE id = $1`;
const OTHER_ADMIN = `SELECT 1 FROM users WHERE role = 'admin' AND kind = 'human' AND is_active AND id <> $1 LIMIT 1`;
const KEEP_TOKEN = `WITH family AS (INSERT INTO token_families (id, user_id) VALUES ($1, $2) RETURNING id)
  INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
  SELECT $3, family.id, $4, $5::timestamptz + make_interval(secs => ${LEEWAY_SECONDS}) FROM family
  ON CONFLICT (hash) DO NOTHING`;

/**
 * Writes a token of a trusted issuer like one of our own, in a family of its own, and what its claims say of its user. Undefined when the
 * user is a bot or not active, or all their sign-ins were ended after the token was issued. A token that was used before stays as it is,
 * revoked ones revoked. The last active admin who is a person stays one, whatever the token says.
 */
export async function admit(db: Database, token: TokenOfUser): Promise<Admission | undefined> {
  const admission = await admitWith(db, token, { mayTakeAdmin: false });
  return admission === 'takes an admin' ? admitAlone(db, token) : admission;
}

async function admitAlone(db: Database, token: TokenOfUser): Promise<Admission | undefined> {
  const admission = await admitWith(db, token, { mayTakeAdmin: true });
  if (admission === 'takes an admin') throw new Error('It took the lock for that.');
  return admission;
}

/** @param mayTakeAdmin takes first the lock under which admins become fewer, as `Users.update` does: two could take each other's last one */
function admitWith(
  db: Database,
  token: TokenOfUser,
  { mayTakeAdmin }: { mayTakeAdmin: boolean },
): Promise<Admission | 'takes an admin' | undefined> {
  const { bearer, userId, identity, issuedAt } = token;
  const work = async (connection: PoolClient) => {
    const [user] = (await connection.query<UserRow>(LOCK_USER, [userId, issuedAt])).rows;
    if (!user) return undefined;
    const isKnown = bearer && (await connection.query(IS_KNOWN, [bearer.hash])).rows.length > 0;
    if (isKnown) return { isUserChanged: false };
    const takesAdmin = user.kind === 'human' && user.role === 'admin' && token.role === 'user';
    if (takesAdmin && !mayTakeAdmin) return 'takes an admin';
    const isLast = takesAdmin && (await connection.query(OTHER_ADMIN, [userId])).rows.length === 0;
    const kept = await connection.query(KEEP_IDENTITY, [identity.issuer, identity.subject, userId, issuedAt]);
    const says = isLast ? { ...token, role: undefined } : token;
    const changed = kept.rowCount === 1 ? await update(connection, user, says) : undefined;
    if (user.kind === 'guest') await connection.query(REMEMBER_GUEST, [userId, token.expiresAt]);
    if (bearer) await connection.query(KEEP_TOKEN, [uuidv7(), userId, bearer.hash, bearer.scopes, token.expiresAt]);
    if (changed?.role) await auditRole(connection, token, changed.role);
    return { isUserChanged: changed !== undefined };
  };
  return transaction(db, work, mayTakeAdmin ? { lock: USER_CHANGES_LOCK } : {});
}

/** Returns what has changed; undefined when nothing has. */
async function update(
  connection: PoolClient,
  user: UserRow,
  { userId, role, names }: TokenOfUser,
): Promise<{ role: UserRole | undefined } | undefined> {
  const { firstName = user.first_name, lastName = user.last_name } = names;
  const newRole = user.kind === 'human' && role ? role : user.role;
  if (newRole === user.role && firstName === user.first_name && lastName === user.last_name) return undefined;
  await connection.query(UPDATE_USER, [userId, newRole, firstName, lastName]);
  return { role: newRole === user.role ? undefined : newRole };
}

/** Nobody here gave the role or took it: the act has no actor, and names the issuer. */
function auditRole(connection: PoolClient, { userId, identity }: TokenOfUser, role: UserRole): Promise<void> {
  const data = { changed: ['role'], role, issuer: identity.issuer };
  return writeAudit(connection, undefined, [{ action: 'user.updated', target: userId, data }]);
}
