import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Prisma, User } from '../../generated/prisma/client.js';
import { type AuditAct, auditEntries, writeAudit } from '../audit.js';
import type { Attempts } from '../credentials/attempts.js';
import { Cooldowns } from '../credentials/cooldowns.js';
import { endSignIns, endTokensOfIssuers } from '../credentials/end-sign-ins.js';
import type { PasswordHasher } from '../credentials/passwords.js';
import type { Database, Models } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { checkExternalId } from '../external-id.js';
import { checkUsername, normalizeName, usernameKey } from '../names.js';
import type { UserKind, UserRole } from '../profile.js';
import { checkText, isUuid } from '../text.js';
import { transaction } from '../transaction.js';
import { isExternalIdTaken, isUniqueViolation } from '../unique-violation.js';
import type { Viewer } from '../viewer.js';
import { isAdmin, requireUser } from '../viewer.js';
import { requireActingAdmin, requireActingPerson } from './acting-admin.js';

export interface NewUser {
  username: string;
  password: string;
  /** The user's id in the product that this service is part of. */
  externalId?: string | null | undefined;
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  role?: UserRole | null | undefined;
}

export interface UserChanges {
  externalId?: string | null | undefined;
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  role?: UserRole | null | undefined;
  isActive?: boolean | null | undefined;
}

/** What `Users.update` changes: a username too, which is never taken away. */
export interface GivenUserChanges extends UserChanges {
  username?: string | null | undefined;
}

/** Called after COMMIT when a user's rights, names or activity changed, with the token families that ended. */
export type UserChangeListener = (change: { userId: string; endedFamilyIds: string[] }) => Promise<void>;

/** The act of the audit log that makes a user. */
export function userCreated(id: string, { kind, role }: { kind: UserKind; role: UserRole }): AuditAct {
  return { action: 'user.created', target: id, data: { kind, role } };
}

/** What the audit log tells of a user. Of the rest it tells only that it changed: it may be personal, and the log stays for ever. */
type AuditedUser = Pick<User, 'role' | 'isActive'> & Partial<Record<AuditedField, string | null>>;
const AUDITED_FIELDS = ['username', 'email', 'firstName', 'lastName', 'externalId', 'kind'] as const;
type AuditedField = (typeof AUDITED_FIELDS)[number];

/** The act of the audit log that changes a user; none when nothing changes. */
export function userUpdated(
  id: string,
  before: AuditedUser,
  after: AuditedUser,
  alsoChanged: string[] = [],
): AuditAct[] {
  const facts = {
    ...(before.role !== after.role && { role: after.role }),
    ...(before.isActive !== after.isActive && { isActive: after.isActive }),
  };
  const others = AUDITED_FIELDS.filter((field) => before[field] !== after[field]);
  const changed = [...Object.keys(facts), ...others, ...alsoChanged];
  return changed.length === 0 ? [] : [{ action: 'user.updated', target: id, data: { changed, ...facts } }];
}

/**
 * Creates a user, with the database or a transaction, and writes nothing to the audit log.
 * @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a taken username
 */
export async function createUser(
  db: Models,
  hasher: PasswordHasher,
  input: Omit<NewUser, 'externalId'>,
): Promise<User> {
  const { password, ...checked } = checkNewUser(input);
  const passwordHash = await hasher.hash(password);
  return writeUser(() => db.prisma.user.create({ data: { id: uuidv7(), ...checked, passwordHash } }));
}

function checkNewUser(input: NewUser) {
  const username = checkUsername(input.username);
  return {
    username,
    usernameKey: usernameKey(username),
    ...checkedChanges(input),
    role: input.role ?? ('user' as const),
    password: checkPassword('password', input.password),
  };
}

async function writeUser<Result>(write: () => Promise<Result>): Promise<Result> {
  try {
    return await write();
  } catch (error) {
    throw takenError(error) ?? error;
  }
}

/** `CONFLICT` when the error is that of a taken username or external id. */
function takenError(error: unknown): DomainError | undefined {
  if (isExternalIdTaken(error))
    return new DomainError('CONFLICT', 'Another user has this external id.', { field: 'externalId' });
  return isUniqueViolation(error) ? usernameTaken() : undefined;
}

export function usernameTaken(): DomainError {
  return new DomainError('CONFLICT', 'This username is taken.', { field: 'username' });
}

/** The advisory lock of changes to users. The number is arbitrary; nothing else in the database uses it. */
export const USER_CHANGES_LOCK = 72_707_372;

/** Minimum time between two changes of one's own password, in milliseconds. A change costs two slow hashes. */
const PASSWORD_CHANGE_COOLDOWN_MS = 5000;

/**
 * User accounts. Methods validate their input. A transaction that writes for an admin checks the admin's role and sign-in again,
 * since they may have changed after the edge's check, while a password was hashed.
 */
export class Users {
  private readonly passwordChanges = new Cooldowns(PASSWORD_CHANGE_COOLDOWN_MS);

  constructor(
    private readonly db: Database,
    private readonly hasher: PasswordHasher,
    private readonly onChange: UserChangeListener,
    private readonly attempts: Attempts,
  ) {}

  /**
   * @param admin the admin who creates the user; undefined for the operator
   * @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a taken username or external id, `FORBIDDEN`
   * when the admin is no longer one, `UNAUTHENTICATED` when the admin's sign-in has ended
   */
  async create(input: NewUser, admin?: Viewer): Promise<User> {
    const { password, ...checked } = checkNewUser(input);
    const hasher = admin ? this.hasher.for({ network: `user ${admin.user?.id ?? admin.clientId}` }) : this.hasher;
    const passwordHash = await hasher.hash(password);
    const id = uuidv7();
    await writeUser(() =>
      transaction(this.db, async (connection) => {
        if (admin) await requireActingAdmin(connection, admin);
        await connection.query(
          // One statement: users are made one after another, each behind the lock of `take_created_seq`.
          `WITH made AS (
             INSERT INTO users (id, username, email, first_name, last_name, role, password_hash, username_key, external_id)
             VALUES ($1, $2, $3, $4, $5, $6::user_role, $7, $8, $9) RETURNING id)
           SELECT write_audit_entries($10::jsonb) FROM made`,
          [
            id,
            checked.username,
            checked.email ?? null,
            checked.firstName ?? '',
            checked.lastName ?? '',
            checked.role,
            passwordHash,
            checked.usernameKey,
            checked.externalId ?? null,
            auditEntries(admin, [userCreated(id, { kind: 'human', role: checked.role })]),
          ],
        );
      }),
    );
    return this.db.prisma.user.findUniqueOrThrow({ where: { id } });
  }

  /**
   * Changes the given fields. Null clears the email and the external id; for other fields it means no change. Deactivation ends every
   * sign-in in the same transaction; activation restores none. A change of the external id ends what tokens of trusted issuers have begun.
   * Updates run one after another, so that two admins cannot demote each other.
   * @param actor the admin who changes the user, or the owner of a bot, who changes its names, the username too, and deactivates it;
   * undefined for the operator
   * @throws DomainError `BAD_USER_INPUT`, `NOT_FOUND` for an unknown user, `CONFLICT` when no active admin would be left or another
   * user has the username or the external id, `FORBIDDEN` when the admin is no longer one, `FORBIDDEN`, rule `user.bot` or `user.guest`, for an
   * admin who is no person, `UNAUTHENTICATED` when the admin's sign-in has ended
   */
  async update(id: string, changes: GivenUserChanges, actor?: Viewer): Promise<User> {
    const data = checkedChanges(changes);
    const username = changes.username == null ? undefined : checkUsername(changes.username);
    if (actor && !isAdmin(actor)) requireUser(actor);
    if (!isUuid(id)) throw actor && !isAdmin(actor) ? notYours() : noSuchUser('id');
    const { userId, endedFamilyIds } = await transaction(
      this.db,
      async (connection) => {
        const ownerId = actor && (await requireActing(connection, actor));
        const { rows } = await connection.query<LockedUserRow>(LOCK_USER, [id]);
        const [before] = rows;
        if (ownerId !== undefined) requireOwnBot(ownerId, before, changes);
        if (!before) throw noSuchUser('id');
        if (before.kind !== 'human' && before.role !== 'admin' && changes.role === 'admin')
          throw noAdmin(before.kind, 'role');
        const after = { role: changes.role ?? before.role, isActive: changes.isActive ?? before.is_active };
        const staysAdmin = after.role === 'admin' && after.isActive;
        const wasAdmin = before.kind === 'human' && before.role === 'admin' && before.is_active;
        if (wasAdmin && !staysAdmin) await requireAnotherAdmin(connection, before.id);
        await writeUser(() =>
          connection.query(UPDATE_USER, [
            before.id,
            after.role,
            after.isActive,
            data.email !== undefined,
            data.email ?? null,
            data.firstName ?? null,
            data.lastName ?? null,
            data.externalId !== undefined,
            data.externalId ?? null,
            username ?? null,
            username === undefined ? null : usernameKey(username),
          ]),
        );
        const isRenamed =
          before.externalId !== null && data.externalId !== undefined && data.externalId !== before.externalId;
        const endedFamilyIds = [
          ...(isRenamed ? await endTokensOfIssuers(connection, before.id) : []),
          ...(!after.isActive || !before.is_active ? await endSignIns(connection, before.id) : []),
        ];
        const { is_active: isActive, ...rest } = before;
        await writeAudit(
          connection,
          actor,
          userUpdated(before.id, { ...rest, isActive }, { ...rest, ...data, ...(username && { username }), ...after }),
        );
        return { userId: before.id, endedFamilyIds };
      },
      { lock: USER_CHANGES_LOCK },
    );
    await this.onChange({ userId, endedFamilyIds });
    return this.db.prisma.user.findUniqueOrThrow({ where: { id: userId } });
  }

  /**
   * Changes the viewer's own password and ends their other sign-ins. Fails when the password or this sign-in has changed since the
   * current password was verified, so it never overwrites an operator's reset.
   * @throws DomainError `BAD_USER_INPUT` for a wrong current password or an invalid new one; `RATE_LIMITED` after too many wrong
   * passwords (an open session gives no more guesses than the sign-in page) and within 5 s of the last change; `UNAUTHENTICATED`
   * when the sign-in has ended
   */
  async changePassword(viewer: Viewer, currentPassword: string, newPassword: string): Promise<void> {
    const { id, username } = requireUser(viewer);
    checkPassword('newPassword', newPassword);
    // Failures are counted per sign-in, so a stolen one blocks the owner nowhere else.
    const subject = { account: username, address: `sign-in ${viewer.familyId}` };
    const admit = () => {
      const retryAfterMs = this.passwordChanges.leftMs(id);
      if (retryAfterMs > 0)
        throw new DomainError('RATE_LIMITED', 'You have just changed your password. Please wait a little.', {
          retryAfterMs,
        });
      return this.attempts.admit(subject);
    };
    await admit();
    const row = await this.db.prisma.user.findUnique({
      where: { id },
      select: { passwordHash: true, passwordVersion: true },
    });
    const hasher = this.hasher.for({ network: `user ${id}`, account: id });
    if (!(await hasher.verify(row?.passwordHash ?? null, currentPassword, admit))) {
      await this.attempts.failed(subject);
      throw wrongCurrentPassword();
    }
    await this.attempts.succeeded(subject);
    const passwordHash = await hasher.hash(newPassword);
    const endedFamilyIds = await transaction(this.db, async (connection) => {
      const { rows } = await connection.query<LockedUserRow>(LOCK_USER, [id]);
      const [user] = rows;
      const session = await connection.query(LOCK_FAMILY, [viewer.familyId, id]);
      if (!user?.is_active || session.rowCount === 0)
        throw new DomainError('UNAUTHENTICATED', 'This sign-in has ended.');
      if (user.password_version !== row?.passwordVersion) throw wrongCurrentPassword();
      await connection.query(STORE_PASSWORD, [id, passwordHash]);
      return endSignIns(connection, id, viewer.familyId);
    });
    this.passwordChanges.begin(id);
    await this.onChange({ userId: id, endedFamilyIds });
  }

  /**
   * Sets a user's password for the operator and ends every sign-in of the user. It overwrites a change made at the same time.
   * @throws DomainError `BAD_USER_INPUT` for an invalid password, `NOT_FOUND` for an unknown user, `FORBIDDEN`, rule `user.bot` or
   * `user.guest`, for a user who has none
   */
  async setPassword(username: string, newPassword: string): Promise<void> {
    checkPassword('password', newPassword);
    const named = await this.db.prisma.user.findMany({
      where: whereUsername(username),
      select: { id: true, username: true, kind: true },
    });
    const user = pickByUsername(named, username);
    if (!user) throw noSuchUser('username');
    if (user.kind !== 'human') throw noPassword(user.kind);
    const passwordHash = await this.hasher.hash(newPassword);
    const endedFamilyIds = await transaction(this.db, async (connection) => {
      const { rowCount } = await connection.query(STORE_PASSWORD, [user.id, passwordHash]);
      if (rowCount === 0) throw noSuchUser('username');
      const ended = await endSignIns(connection, user.id);
      await writeAudit(connection, undefined, [{ action: 'user.password_set', target: user.id }]);
      return ended;
    });
    await this.onChange({ userId: user.id, endedFamilyIds });
  }
}

/** Matches at most three users whose name may be meant by `username`. `pickByUsername` selects one of them. */
export function whereUsername(username: string): Prisma.UserWhereInput {
  return {
    OR: [{ username: { in: [username, normalizeName(username)] } }, { usernameKey: usernameKey(username) }],
  };
}

/**
 * The user whose name is `username`, in any Unicode composition of either; case-sensitive. Old names may exist in two compositions:
 * an exact match comes first, then the normalized name.
 */
export function pickByUsername<Row extends { username: string }>(
  rows: readonly Row[],
  username: string,
): Row | undefined {
  const normalized = normalizeName(username);
  return (
    rows.find((row) => row.username === username) ??
    rows.find((row) => row.username === normalized) ??
    rows.find((row) => normalizeName(row.username) === normalized)
  );
}

/** The id of an actor who is no admin, and changes what is theirs; undefined for an admin. @throws DomainError as `Users.update` */
async function requireActing(connection: PoolClient, actor: Viewer): Promise<string | undefined> {
  if (!isAdmin(actor)) return requireActingPerson(connection, actor);
  await requireActingAdmin(connection, actor);
  return undefined;
}

/** @throws DomainError `FORBIDDEN` for everybody but the owner of a bot, and for changes that are not the owner's */
function requireOwnBot(ownerId: string, user: LockedUserRow | undefined, changes: UserChanges): void {
  if (user?.kind !== 'bot' || user.ownerId !== ownerId) throw notYours();
  for (const field of ['email', 'role', 'externalId'] as const)
    if (changes[field] !== undefined)
      throw new DomainError('FORBIDDEN', `Only admins change ${field}.`, { field, rule: 'bots.owner' });
}

function notYours(): DomainError {
  return new DomainError('FORBIDDEN', 'Only admins may do this, and the owner of a bot.');
}

interface LockedUserRow {
  id: string;
  username: string;
  kind: UserKind;
  role: UserRole;
  is_active: boolean;
  password_version: number;
  email: string | null;
  firstName: string;
  lastName: string;
  externalId: string | null;
  /** Of a bot. */
  ownerId: string | null;
}

const LOCK_USER = `SELECT id, username, kind, role, is_active, password_version, email, first_name AS "firstName", last_name AS "lastName",
    external_id AS "externalId", owner_id AS "ownerId"
  FROM users WHERE id = $1 FOR NO KEY UPDATE`;
const LOCK_FAMILY = 'SELECT 1 FROM token_families WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL FOR SHARE';
const STORE_PASSWORD = 'UPDATE users SET password_hash = $2, password_version = password_version + 1 WHERE id = $1';
const UPDATE_USER = `UPDATE users SET role = $2::user_role, is_active = $3, email = CASE WHEN $4 THEN $5 ELSE email END,
    first_name = coalesce($6, first_name), last_name = coalesce($7, last_name),
    external_id = CASE WHEN $8 THEN $9 ELSE external_id END, username = coalesce($10, username), username_key = coalesce($11, username_key)
  WHERE id = $1`;

/** Keeps the service from losing its last admin who is a person. Only the operator's `createsuperuser` could make a new one. */
async function requireAnotherAdmin(connection: PoolClient, userId: string): Promise<void> {
  const { rows } = await connection.query(
    `SELECT 1 FROM users WHERE role = 'admin' AND kind = 'human' AND is_active AND id <> $1 LIMIT 1`,
    [userId],
  );
  if (rows.length === 0) throw noOtherAdmin();
}

/** @param field the argument that would leave no admin, for a change of several users */
export function noOtherAdmin(field?: string): DomainError {
  const message = 'This is the last active admin: make another one first.';
  return new DomainError('CONFLICT', message, field === undefined ? {} : { field });
}

/** Only an operator makes a bot an admin, and nobody a guest. `FORBIDDEN`, rule `user.bot` or `user.guest`. */
export function noAdmin(kind: UserKind, field: string): DomainError {
  return new DomainError('FORBIDDEN', `A ${kind} cannot be made an admin.`, { field, rule: `user.${kind}` });
}

/** `FORBIDDEN`, rule `user.bot` or `user.guest`. */
function noPassword(kind: UserKind): DomainError {
  return new DomainError('FORBIDDEN', `A ${kind} has no password.`, { rule: `user.${kind}` });
}

function noSuchUser(field: string): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field });
}

function wrongCurrentPassword(): DomainError {
  return badInput('currentPassword', 'currentPassword is not your password.');
}

/** The rule for passwords: 8 to 256 characters, nothing else (NIST SP 800-63B §5.1.1.2 advises against composition rules). */
export function checkPassword(field: string, password: string): string {
  return checkText(field, password, { min: 8, max: 256 });
}

/** The changes of names and ids, checked and as they are stored; what is not given is left out. @throws DomainError `BAD_USER_INPUT` */
export function checkedChanges(input: UserChanges) {
  return {
    ...(input.externalId !== undefined && {
      externalId: input.externalId === null ? null : checkExternalId('externalId', input.externalId),
    }),
    ...(input.email !== undefined && { email: input.email === null ? null : checkEmail(input.email) }),
    ...(typeof input.firstName === 'string' && {
      firstName: checkText('firstName', normalizeName(input.firstName), { min: 0, max: 150 }),
    }),
    ...(typeof input.lastName === 'string' && {
      lastName: checkText('lastName', normalizeName(input.lastName), { min: 0, max: 150 }),
    }),
  };
}

/** An empty email clears it. */
function checkEmail(email: string): string | null {
  if (email === '') return null;
  return checkText('email', email, {
    min: 3,
    max: 254,
    pattern: { expression: /^[^\s@]+@[^\s@]+$/, rule: 'must be an email address.' },
  });
}
