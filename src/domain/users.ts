import { v7 as uuidv7 } from 'uuid';
import { Prisma, type User } from '../generated/prisma/client.js';
import type { Attempts } from './attempts.js';
import type { Models } from './database.js';
import { badInput, DomainError } from './errors.js';
import type { PasswordHasher } from './passwords.js';
import { checkText, isUuid } from './text.js';
import type { UserProfile, UserRole, Viewer } from './viewer.js';
import { requireUser } from './viewer.js';

export interface NewUser {
  username: string;
  password: string;
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  role?: UserRole | null | undefined;
}

export interface UserChanges {
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  role?: UserRole | null | undefined;
  isActive?: boolean | null | undefined;
}

/** Told after COMMIT: what these users may do, or whether they may be here at all, has changed. */
export type UserChangeListener = (change: {
  userId: string;
  signOut: boolean;
  exceptFamilyId?: string;
}) => Promise<void>;

export const PROFILE_FIELDS = {
  id: true,
  username: true,
  firstName: true,
  lastName: true,
  role: true,
  dateJoined: true,
} as const satisfies Prisma.UserSelect;

type ProfileRow = Prisma.UserGetPayload<{ select: typeof PROFILE_FIELDS }>;

export function toProfile(row: ProfileRow): UserProfile {
  return {
    id: row.id,
    username: row.username,
    firstName: row.firstName,
    lastName: row.lastName,
    role: row.role,
    dateJoined: row.dateJoined.toISOString(),
  };
}

/** Accounts. Who may call what is the edges' to ask (`requireAdmin`); that the values are right is checked here. */
export class Users {
  constructor(
    private readonly db: Models,
    private readonly hasher: PasswordHasher,
    private readonly onChange: UserChangeListener,
    private readonly attempts: Attempts,
  ) {}

  /** @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule, `CONFLICT` for a taken username. */
  async create(input: NewUser): Promise<User> {
    const data = {
      id: uuidv7(),
      username: checkUsername(input.username),
      ...checkedNames(input),
      role: input.role ?? 'user',
    };
    const passwordHash = await this.hasher.hash(checkPassword('password', input.password));
    try {
      return await this.db.prisma.user.create({ data: { ...data, passwordHash } });
    } catch (error) {
      if (isUniqueViolation(error)) throw new DomainError('CONFLICT', 'This username is taken.', { field: 'username' });
      throw error;
    }
  }

  /**
   * Changes what is given; null clears the email and leaves everything else as it is. Deactivation signs the user out.
   * @throws DomainError `BAD_USER_INPUT`, or `NOT_FOUND` for an unknown user.
   */
  async update(id: string, changes: UserChanges): Promise<User> {
    const data: Prisma.UserUpdateInput = checkedNames(changes);
    if (changes.role) data.role = changes.role;
    if (typeof changes.isActive === 'boolean') data.isActive = changes.isActive;
    const user = isUuid(id)
      ? await this.db.prisma.user.update({ where: { id }, data }).catch((error: unknown) => {
          if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2025') return null;
          throw error;
        })
      : null;
    if (!user) throw new DomainError('NOT_FOUND', 'There is no such user.', { field: 'id' });
    await this.onChange({ userId: id, signOut: !user.isActive });
    return user;
  }

  /**
   * Changes one's own password and ends every other sign-in of the user; the one that asks goes on.
   * @throws DomainError `BAD_USER_INPUT` for a wrong current or an unfit new password, `RATE_LIMITED` after too many wrong
   * ones: whoever finds an open session has no more guesses than anybody else.
   */
  async changePassword(viewer: Viewer, currentPassword: string, newPassword: string): Promise<void> {
    const { id, username } = requireUser(viewer);
    checkPassword('newPassword', newPassword);
    const subject = { account: username };
    await this.attempts.admit(subject);
    const row = await this.db.prisma.user.findUnique({ where: { id }, select: { passwordHash: true } });
    const admit = () => this.attempts.admit(subject);
    if (!(await this.hasher.verify(row?.passwordHash ?? null, currentPassword, admit))) {
      await this.attempts.failed(subject);
      throw badInput('currentPassword', 'currentPassword is not your password.');
    }
    await this.attempts.succeeded(subject);
    await this.storePassword(id, newPassword, viewer.familyId);
  }

  /** Sets a password on an operator's word and ends every sign-in of the user. @throws as `changePassword`, `NOT_FOUND`. */
  async setPassword(username: string, newPassword: string): Promise<void> {
    checkPassword('password', newPassword);
    const user = await this.db.prisma.user.findUnique({ where: { username }, select: { id: true } });
    if (!user) throw new DomainError('NOT_FOUND', 'There is no such user.', { field: 'username' });
    await this.storePassword(user.id, newPassword);
  }

  private async storePassword(id: string, password: string, exceptFamilyId?: string): Promise<void> {
    const passwordHash = await this.hasher.hash(password);
    const data = { passwordHash, passwordVersion: { increment: 1 } };
    await this.db.prisma.user.update({ where: { id }, data });
    await this.onChange({ userId: id, signOut: true, ...(exceptFamilyId && { exceptFamilyId }) });
  }
}

function checkUsername(username: string): string {
  return checkText('username', username, {
    min: 1,
    max: 150,
    pattern: { expression: /^[\p{L}\p{M}\p{N}@.+\-_]+$/u, rule: 'may hold letters, digits and @ . + - _ only.' },
  });
}

/** The rule for passwords: 8 to 256 characters, nothing else (NIST SP 800-63B §5.1.1.2 advises against composition rules). */
export function checkPassword(field: string, password: string): string {
  return checkText(field, password, { min: 8, max: 256 });
}

function checkedNames(input: UserChanges) {
  return {
    ...(input.email !== undefined && { email: input.email === null ? null : checkEmail(input.email) }),
    ...(typeof input.firstName === 'string' && {
      firstName: checkText('firstName', input.firstName, { min: 0, max: 150 }),
    }),
    ...(typeof input.lastName === 'string' && {
      lastName: checkText('lastName', input.lastName, { min: 0, max: 150 }),
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

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}
