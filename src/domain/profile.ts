import type { Prisma } from '../generated/prisma/client.js';

export type UserRole = 'admin' | 'user';

/** A bot is a program, a guest a person without an account of their own. `people/` and `access/` say what each may not do. */
export const USER_KINDS = ['human', 'bot', 'guest'] as const;
export type UserKind = (typeof USER_KINDS)[number];

export function isUserKind(value: unknown): value is UserKind {
  return USER_KINDS.some((kind) => kind === value);
}

/** What every member of a chat may see of a user. Events carry it, so it has no private fields. */
export interface UserProfile {
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  role: UserRole;
  kind: UserKind;
  /** ISO 8601, UTC, milliseconds. */
  dateJoined: string;
}

/** Whether others may be told that the user is there. A bot is in no presence. */
export function isPresent(user: UserProfile | null): user is UserProfile {
  return user !== null && user.kind !== 'bot';
}

export function isSameProfile(one: UserProfile, other: UserProfile): boolean {
  return (
    one.id === other.id &&
    one.username === other.username &&
    one.firstName === other.firstName &&
    one.lastName === other.lastName &&
    one.role === other.role &&
    one.kind === other.kind &&
    one.dateJoined === other.dateJoined
  );
}

/** The columns of a profile, for a query through Prisma. */
export const PROFILE_FIELDS = {
  id: true,
  username: true,
  firstName: true,
  lastName: true,
  role: true,
  kind: true,
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
    kind: row.kind,
    dateJoined: row.dateJoined.toISOString(),
  };
}
