import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type AuditAct, writeAudit } from '../audit.js';
import { endSignInsOfAll } from '../credentials/end-sign-ins.js';
import { answerTimeoutMs, type Database, query } from '../database.js';
import { badInput, DomainError, serviceBusy } from '../errors.js';
import { checkUsername, usernameKey } from '../names.js';
import type { UserKind, UserProfile, UserRole } from '../profile.js';
import { Batcher } from '../queues/batcher.js';
import { FairQueue } from '../queues/fair-queue.js';
import { checkDistinct, checkLength, inRow, rowError } from '../row-errors.js';
import { checkText } from '../text.js';
import { transaction } from '../transaction.js';
import { retryTaken } from '../unique-violation.js';
import type { Viewer } from '../viewer.js';
import { requireActingAdmin } from './acting-admin.js';
import { GUEST_DAYS } from './guests.js';
import { unnamed } from './unnamed.js';
import {
  checkedChanges,
  noAdmin,
  noOtherAdmin,
  USER_CHANGES_LOCK,
  type UserChangeListener,
  type UserChanges,
  userCreated,
  usernameTaken,
  userUpdated,
} from './users.js';

/** Who a user is at an identity provider: the `iss` and the `sub` of its tokens. */
export interface GivenIdentity {
  issuer: string;
  subject: string;
}

/** A user as another system knows them. What is undefined stays as it is. */
export interface UserUpsert extends UserChanges {
  externalId: string;
  /** A new user without one is called `user-` and eight letters and digits. */
  username?: string | null | undefined;
  /** They are added to those that the user has. */
  identities?: readonly GivenIdentity[] | null | undefined;
}

/** What an application knows of the user of a token. */
export type GivenProfile = Pick<UserUpsert, 'username' | 'email' | 'firstName' | 'lastName'> & {
  externalId?: string | null | undefined;
};

/** What decides whether there may be a token of a user. */
export type TokenHolder = Pick<StoredUser, 'kind' | 'role' | 'isActive'>;

/** Most users of one call. */
export const MAX_UPSERTED_USERS = 100;
/** Most identities of one user in one call. */
const MAX_IDENTITIES = 10;

interface CheckedUser {
  externalId: string;
  named: { username: string; usernameKey: string } | undefined;
  changes: Omit<ReturnType<typeof checkedChanges>, 'externalId'>;
  role: UserRole | undefined;
  isActive: boolean | undefined;
  identities: readonly GivenIdentity[];
  /** Makes a guest of a new user, and leaves one who is. */
  isGuest: boolean;
}

/** A user as stored, or as they are to be. */
interface StoredUser {
  id: string;
  externalId: string;
  username: string;
  usernameKey: string | null;
  email: string | null;
  firstName: string;
  lastName: string;
  role: UserRole;
  kind: UserKind;
  isActive: boolean;
  dateJoined: Date;
}

/** The user of a token, who is new, or of whom something has changed. */
interface TokenUser {
  user: CheckedUser;
  by: Viewer;
  check: (user: TokenHolder) => void;
}

/** What was done. */
export interface UpsertedUsers {
  /** In the order of the rows. */
  users: UserProfile[];
  changes: { userId: string; endedFamilyIds: string[] }[];
  /** For the audit log. */
  acts: AuditAct[];
}

/** Makes and changes many users at once. */
export class UserUpserts {
  /** Changes wait for each other here, each actor's in turn, and not with connections that wait for `USER_CHANGES_LOCK`. */
  private readonly waiting: FairQueue;
  /** New users of tokens come in bursts, and each transaction waits for the one before it. */
  private readonly tokenUsers: Batcher<TokenUser, UserProfile>;

  constructor(
    private readonly db: Database,
    private readonly onChange: UserChangeListener,
  ) {
    this.waiting = new FairQueue({
      parallel: 1,
      maxWaiting: 1000,
      maxWaitingPerKey: 500,
      timeoutMs: answerTimeoutMs(db),
    });
    this.tokenUsers = new Batcher((users) => this.upsertTogether(users), {
      maxBatch: MAX_UPSERTED_USERS,
      maxWaiting: 1000,
      deadlineMs: answerTimeoutMs(db),
      overloaded: serviceBusy,
      late: serviceBusy,
      isRefusal: (error) => error instanceof DomainError && error.code !== 'SERVICE_UNAVAILABLE',
    });
  }

  /**
   * Makes those of these users who are not there, and changes in the others what is given, all or none. A guest becomes a person.
   * Returns all in their order. Repeating it changes nothing.
   * @throws DomainError with a field like `users.17.username`: `BAD_USER_INPUT` for more than 100 users, a value that breaks its rule,
   * and an external id that is named twice; `CONFLICT` for a username or an identity that another user has, and when no active admin
   * would be left; `FORBIDDEN`, rule `user.bot`, for a bot that would be an admin; without a field, `FORBIDDEN` or `UNAUTHENTICATED`
   * when the admin is no longer one; `SERVICE_UNAVAILABLE` when too many changes wait
   */
  async upsert(admin: Viewer, users: readonly UserUpsert[]): Promise<UserProfile[]> {
    const checked = checkUpserts('users', users);
    return this.change(admin, async (connection) => {
      await requireActingAdmin(connection, admin);
      return upsertWithin(connection, checked);
    });
  }

  /**
   * As `upsert`, for the one user of a token. The caller has checked that the actor may do this.
   * @param by the actor
   * @param check throws for a user of whom there is no token, who then stays as they are
   * @throws DomainError with a field like `user.profile.username`: `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a
   * username that another user has; `CONFLICT`, field `user.guest`, for a guest who is none; `SERVICE_UNAVAILABLE` as `upsert`
   */
  async upsertForToken(
    profile: GivenProfile & { externalId: string },
    { by, isGuest, check }: { by: Viewer; isGuest: boolean; check: (user: TokenHolder) => void },
  ): Promise<UserProfile> {
    try {
      const user = { ...checkUpsert(profile), isGuest };
      // Nearly always: a backend tells the same with each token.
      const same = await this.sameAsBefore(user, check);
      if (same) return same;
      return await this.tokenUsers.add({ user, by, check });
    } catch (error) {
      throw error instanceof DomainError ? ofProfile(error) : error;
    }
  }

  /** In as few transactions as there are actors. */
  private async upsertTogether(all: readonly TokenUser[]): Promise<UserProfile[]> {
    const profiles = new Map<TokenUser, UserProfile>();
    for (const group of groupsOf(all)) {
      const checks = new Map(group.users.map(({ user, check }) => [user.externalId, check]));
      const upserted = await this.change(group.by, (connection) =>
        upsertWithin(
          connection,
          group.users.map(({ user }) => user),
          (stored) => checks.get(stored.externalId)?.(stored),
        ),
      );
      for (const [index, user] of group.users.entries()) {
        const profile = upserted[index];
        if (profile) profiles.set(user, profile);
      }
    }
    return all.flatMap((user) => profiles.get(user) ?? []);
  }

  /** Runs a transaction that changes users, writes its acts to the audit log, and tells of the changes. */
  private async change(by: Viewer, work: (connection: PoolClient) => Promise<UpsertedUsers>): Promise<UserProfile[]> {
    const { users, changes } = await this.waiting.run(by.familyId, () =>
      retryTaken(() =>
        transaction(
          this.db,
          async (connection) => {
            const done = await work(connection);
            await writeAudit(connection, by, done.acts);
            return done;
          },
          { lock: USER_CHANGES_LOCK },
        ),
      ),
    );
    await Promise.all(changes.map((change) => this.onChange(change)));
    return users;
  }

  /** The user, when nothing that is given would change. It takes no lock. */
  private async sameAsBefore(user: CheckedUser, check: (user: TokenHolder) => void): Promise<UserProfile | undefined> {
    const [stored] = await query<StoredUser>(this.db, FIND_ONE, [[user.externalId]]);
    if (!stored) return undefined;
    check(stored);
    const after = inRow('users', 0, () => changed(stored, user));
    return differs(stored, after) ? undefined : profileOf(stored);
  }
}

/** Those of one actor, each user once. */
function groupsOf(all: readonly TokenUser[]): { by: Viewer; users: TokenUser[] }[] {
  const groups: { by: Viewer; users: TokenUser[] }[] = [];
  for (const one of all) {
    const group = groups.find(
      ({ by, users }) =>
        by.familyId === one.by.familyId && users.every(({ user }) => user.externalId !== one.user.externalId),
    );
    if (group) group.users.push(one);
    else groups.push({ by: one.by, users: [one] });
  }
  return groups;
}

/** The same error, whose field names the profile in place of the row. */
function ofProfile({ code, message, field, rule }: DomainError): DomainError {
  const name = field?.replace(/^users\.0\.?/, '');
  const ofUser = name === 'guest' ? 'user.guest' : `user.profile.${name}`;
  return new DomainError(code, message.replace(/^users\.0: /, ''), {
    ...(name !== undefined && { field: ofUser }),
    ...(rule !== undefined && { rule }),
  });
}

/** @throws DomainError `BAD_USER_INPUT` */
function checkUpserts(field: string, users: readonly UserUpsert[]): CheckedUser[] {
  checkLength(field, users, MAX_UPSERTED_USERS);
  const checked = users.map((user, index) => inRow(field, index, () => checkUpsert(user)));
  checkDistinct(
    field,
    checked.map(({ externalId }) => externalId),
    () => badInput('externalId', 'This external id is named twice.'),
  );
  return checked;
}

function checkUpsert({ username: given, role, isActive, identities, ...user }: UserUpsert): CheckedUser {
  const { externalId, ...changes } = checkedChanges(user);
  if (typeof externalId !== 'string') throw badInput('externalId', 'externalId must be given.');
  const username = given == null ? undefined : checkUsername(given);
  checkLength('identities', identities ?? [], MAX_IDENTITIES);
  return {
    externalId,
    named: username === undefined ? undefined : { username, usernameKey: usernameKey(username) },
    changes,
    role: role ?? undefined,
    isActive: isActive ?? undefined,
    identities: (identities ?? []).map((identity, index) => inRow('identities', index, () => checkIdentity(identity))),
    isGuest: false,
  };
}

function checkIdentity({ issuer, subject }: GivenIdentity): GivenIdentity {
  return {
    issuer: checkText('issuer', issuer, { min: 1, max: 2000 }),
    subject: checkText('subject', subject, { min: 1, max: 255 }),
  };
}

const FIND = `SELECT id, external_id AS "externalId", username, username_key AS "usernameKey", email, first_name AS "firstName",
    last_name AS "lastName", role, kind, is_active AS "isActive", date_joined AS "dateJoined"
  FROM users WHERE external_id = ANY ($1::text[])`;
const FIND_ONE = { name: 'users-by-external-id', text: FIND };
// The locks make a token of an issuer wait that brings another role: writing all columns would undo what it says.
const FIND_AND_LOCK = `${FIND} ORDER BY id FOR NO KEY UPDATE`;
const INSERT = `INSERT INTO users (id, external_id, username, username_key, email, first_name, last_name, role, is_active, kind, forget_at)
  SELECT given.id, given.external_id, given.username, given.username_key, given.email, given.first_name, given.last_name,
    given.role::user_role, given.is_active, given.kind::user_kind,
    CASE WHEN given.kind = 'guest' THEN now() + make_interval(days => ${GUEST_DAYS}) END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[],
    $10::text[])
    WITH ORDINALITY AS given (id, external_id, username, username_key, email, first_name, last_name, role, is_active, kind, place)
  ORDER BY given.place RETURNING id, date_joined AS "dateJoined"`;
const UPDATE = `UPDATE users u SET username = given.username, username_key = given.username_key, email = given.email,
    first_name = given.first_name, last_name = given.last_name, role = given.role::user_role, is_active = given.is_active,
    kind = given.kind::user_kind, forget_at = CASE WHEN given.kind = 'guest' THEN u.forget_at END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[], $10::text[])
    AS given (id, external_id, username, username_key, email, first_name, last_name, role, is_active, kind)
  WHERE u.id = given.id`;

/** The caller holds `USER_CHANGES_LOCK`, and knows that the actor may do this. */
async function upsertWithin(
  connection: PoolClient,
  users: readonly CheckedUser[],
  check?: (user: StoredUser) => void,
): Promise<UpsertedUsers> {
  const found = await connection.query<StoredUser>(FIND_AND_LOCK, [users.map(({ externalId }) => externalId)]);
  if (check) for (const user of found.rows) check(user);
  const before = new Map(found.rows.map((row) => [row.externalId, row]));
  const after = users.map((user, index) => {
    const stored = before.get(user.externalId);
    return stored ? inRow('users', index, () => changed(stored, user)) : newUser(user);
  });
  await requireFreeNames(connection, users, after);
  await requireAdminLeft(connection, users, before, after);
  const made = after.filter(({ externalId }) => !before.has(externalId));
  if (made.length > 0) {
    const { rows } = await connection.query<Pick<StoredUser, 'id' | 'dateJoined'>>(INSERT, valuesOf(made));
    const joined = new Map(rows.map(({ id, dateJoined }) => [id, dateJoined]));
    for (const user of made) user.dateJoined = joined.get(user.id) ?? user.dateJoined;
  }
  const differing = after.filter((user) => differs(before.get(user.externalId), user));
  if (differing.length > 0) await connection.query(UPDATE, valuesOf(differing));
  const identified = await addIdentities(connection, users, after);
  const switched = differing.filter((user) => before.get(user.externalId)?.isActive !== user.isActive);
  const ended = await endSignInsOfAll(
    connection,
    switched.map(({ id }) => id),
  );
  return {
    users: after.map(profileOf),
    changes: differing.map(({ id }) => ({ userId: id, endedFamilyIds: ended.get(id) })),
    acts: after.flatMap((user) => {
      const stored = before.get(user.externalId);
      if (!stored) return [userCreated(user.id, user)];
      return userUpdated(user.id, stored, user, identified.has(user.id) ? ['identities'] : []);
    }),
  };
}

function newUser({ externalId, named, changes, role, isActive, isGuest }: CheckedUser): StoredUser {
  const kind = isGuest ? 'guest' : 'human';
  const username = named?.username ?? unnamed(isGuest ? 'guest' : 'user');
  return {
    ...{ id: uuidv7(), externalId, username, usernameKey: named?.usernameKey ?? username },
    ...{ email: null, firstName: '', lastName: '', ...changes },
    ...{ role: role ?? 'user', kind, isActive: isActive ?? true, dateJoined: new Date() },
  };
}

function changed(stored: StoredUser, { named, changes, role, isActive, isGuest }: CheckedUser): StoredUser {
  if (isGuest && stored.kind !== 'guest')
    throw new DomainError('CONFLICT', 'This user is no guest.', { field: 'guest' });
  if (stored.kind === 'bot' && stored.role !== 'admin' && role === 'admin') throw noAdmin('bot', 'role');
  return {
    ...stored,
    // A name that was there before its rule stays as it is.
    ...(named && named.username !== stored.username && named),
    ...changes,
    role: role ?? stored.role,
    kind: stored.kind === 'guest' && !isGuest ? 'human' : stored.kind,
    isActive: isActive ?? stored.isActive,
  };
}

function differs(before: StoredUser | undefined, after: StoredUser): boolean {
  if (!before) return false;
  const fields = ['username', 'email', 'firstName', 'lastName', 'role', 'kind', 'isActive'] as const;
  return fields.some((field) => before[field] !== after[field]);
}

const NAMED = `SELECT id, username, username_key AS "usernameKey" FROM users
  WHERE username = ANY ($1::text[]) OR username_key = ANY ($2::text[])`;

/** @throws DomainError `CONFLICT` for a name that somebody else has, or had before this call */
async function requireFreeNames(
  connection: PoolClient,
  users: readonly CheckedUser[],
  after: readonly StoredUser[],
): Promise<void> {
  checkDistinct(
    'users',
    users.map(({ named }) => named?.usernameKey),
    usernameTaken,
  );
  const wanted = users.flatMap(({ named }) => named ?? []);
  if (wanted.length === 0) return;
  const { rows } = await connection.query<Pick<StoredUser, 'id' | 'username' | 'usernameKey'>>(NAMED, [
    wanted.map(({ username }) => username),
    wanted.map(({ usernameKey }) => usernameKey),
  ]);
  for (const [index, { named }] of users.entries()) {
    const isTaken = rows.some(
      ({ id, ...row }) =>
        id !== after[index]?.id && (row.username === named?.username || row.usernameKey === named?.usernameKey),
    );
    if (named && isTaken) throw rowError('users', index, usernameTaken());
  }
}

const OTHER_ADMIN = `SELECT 1 FROM users WHERE role = 'admin' AND kind = 'human' AND is_active AND id <> ALL ($1::uuid[]) LIMIT 1`;

/** @throws DomainError `CONFLICT` when no active admin would be left who is a person */
async function requireAdminLeft(
  connection: PoolClient,
  users: readonly CheckedUser[],
  before: ReadonlyMap<string, StoredUser>,
  after: readonly StoredUser[],
): Promise<void> {
  const isAdmin = (user: StoredUser | undefined) => user?.role === 'admin' && user.kind === 'human' && user.isActive;
  const lost = after.findIndex((user) => isAdmin(before.get(user.externalId)) && !isAdmin(user));
  if (lost < 0 || after.some(isAdmin)) return;
  const { rows } = await connection.query(OTHER_ADMIN, [after.map(({ id }) => id)]);
  if (rows.length === 0)
    throw rowError('users', lost, noOtherAdmin(users[lost]?.isActive === false ? 'isActive' : 'role'));
}

const IDENTITIES = `SELECT given.place::int, i.user_id AS "userId"
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (issuer, subject, place)
  JOIN external_identities i ON i.issuer = given.issuer AND i.subject = given.subject`;
const ADD_IDENTITIES = `INSERT INTO external_identities (issuer, subject, user_id)
  SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[])`;

/** Returns the ids of the users who got an identity. @throws DomainError `CONFLICT` for an identity of another user */
async function addIdentities(
  connection: PoolClient,
  users: readonly CheckedUser[],
  after: readonly StoredUser[],
): Promise<Set<string | undefined>> {
  const given = users.flatMap(({ identities }, index) =>
    identities.map((identity, place) => ({ ...identity, index, place, userId: after[index]?.id })),
  );
  if (given.length === 0) return new Set();
  const { rows } = await connection.query<{ place: number; userId: string }>(IDENTITIES, [
    given.map(({ issuer }) => issuer),
    given.map(({ subject }) => subject),
  ]);
  const owners = new Map(rows.map(({ place, userId }) => [place - 1, userId]));
  const added = new Map<string, (typeof given)[number]>();
  for (const [at, identity] of given.entries()) {
    const key = JSON.stringify([identity.issuer, identity.subject]);
    const owner = owners.get(at) ?? added.get(key)?.userId;
    if (owner === undefined) added.set(key, identity);
    else if (owner !== identity.userId)
      throw rowError('users', identity.index, rowError('identities', identity.place, identityTaken()));
  }
  const rowsToAdd = [...added.values()];
  if (rowsToAdd.length > 0)
    await connection.query(ADD_IDENTITIES, [
      rowsToAdd.map(({ issuer }) => issuer),
      rowsToAdd.map(({ subject }) => subject),
      rowsToAdd.map(({ userId }) => userId),
    ]);
  return new Set(rowsToAdd.map(({ userId }) => userId));
}

function identityTaken(): DomainError {
  return new DomainError('CONFLICT', 'Another user has this identity.');
}

function valuesOf(users: readonly StoredUser[]): unknown[][] {
  return [
    users.map(({ id }) => id),
    users.map(({ externalId }) => externalId),
    users.map(({ username }) => username),
    users.map((user) => user.usernameKey),
    users.map(({ email }) => email),
    users.map(({ firstName }) => firstName),
    users.map(({ lastName }) => lastName),
    users.map(({ role }) => role),
    users.map(({ isActive }) => isActive),
    users.map(({ kind }) => kind),
  ];
}

function profileOf({ id, username, firstName, lastName, role, kind, dateJoined }: StoredUser): UserProfile {
  return { id, username, firstName, lastName, role, kind, dateJoined: dateJoined.toISOString() };
}
