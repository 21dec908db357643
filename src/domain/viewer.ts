import { chatNotFound, DomainError } from './errors.js';
import type { UserProfile } from './profile.js';

/** `read`: queries and subscriptions. `write`: mutations and sending. `introspection`: RFC 7662. */
export type Scope = 'read' | 'write' | 'introspection';
export const SCOPES: readonly Scope[] = ['read', 'write', 'introspection'];

/** The holder of a valid access token, and what the token allows. Only `Tokens` and `IncomingHooks` create viewers. */
export interface Viewer {
  /** Null for a client that acts for itself (`client_credentials`). */
  user: UserProfile | null;
  /** Null for a token of a trusted issuer: its clients are not ours. */
  clientId: string | null;
  /** The sign-in that the token belongs to. Revocation ends a family as a whole. */
  familyId: string;
  scopes: ReadonlySet<Scope>;
  /**
   * The chats that the token is narrowed to, by their ids as PostgreSQL writes them; undefined for a token of everything. A narrowed token
   * reaches no other chat, has the rights of a member at most, and does nothing that is not of one of its chats. It is never an admin's.
   */
  chats?: ReadonlySet<string> | undefined;
  /** When the token expires, by the database's clock. Shown to the client. */
  expiresAt: Date;
  /**
   * When it stops to work, by this process's monotonic clock (`performance.now()`). Decisions use it, since the two clocks may differ.
   */
  endsAt: number;
  /** How long after `expiresAt` that is, in milliseconds: the leeway for the clock of a trusted issuer, 0 for our own tokens. */
  graceMs: number;
}

/** What a token is narrowed to, apart from the token. */
export type Reach = Viewer['chats'];

export function isSameReach(one: Reach, other: Reach): boolean {
  if (!one || !other) return one === other;
  return one.size === other.size && [...one].every((chatId) => other.has(chatId));
}

/** @throws DomainError `UNAUTHENTICATED` without a token. */
export function requireViewer(viewer: Viewer | null): Viewer {
  if (!viewer) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  return viewer;
}

/**
 * The token's user, for what is not of one chat.
 * @throws DomainError `UNAUTHENTICATED` without a token; `FORBIDDEN` when the token names no user, and, rule `token.narrowed`, when it is
 * narrowed to chats
 */
export function requireUser(viewer: Viewer | null): UserProfile {
  const user = userOf(viewer);
  if (viewer?.chats) throw tokenNarrowed();
  return user;
}

/**
 * The token's user, for what is of this chat.
 * @throws DomainError `UNAUTHENTICATED` without a token; `FORBIDDEN` when the token names no user; `NOT_FOUND` when it is narrowed to
 * other chats
 */
export function requireUserIn(viewer: Viewer | null, chatId: string): UserProfile {
  const user = userOf(viewer);
  if (!reaches(viewer, chatId)) throw chatNotFound();
  return user;
}

/**
 * The token's user, whatever the token is narrowed to: for what looks at the token's chats alone, or at none.
 * @throws DomainError `UNAUTHENTICATED` without a token, `FORBIDDEN` when the token names no user
 */
export function userOf(viewer: Viewer | null): UserProfile {
  if (!viewer) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  if (!viewer.user) throw new DomainError('FORBIDDEN', 'This token belongs to a client, not to a user.');
  return viewer.user;
}

/** Whether the token is not narrowed, or narrowed to this chat among others. */
export function reaches(viewer: Viewer | null, chatId: string): boolean {
  return viewer?.chats === undefined || viewer.chats.has(chatId.toLowerCase());
}

/** `FORBIDDEN`, rule `token.narrowed`: what this token is asked for is not of one of its chats. */
export function tokenNarrowed(): DomainError {
  return new DomainError('FORBIDDEN', 'This token is for some chats alone, and this is not of one of them.', {
    rule: 'token.narrowed',
  });
}

/** @throws DomainError `UNAUTHENTICATED` without a token, `FORBIDDEN` when its scopes do not allow this. */
export function requireScope(viewer: Viewer | null, scope: Scope): Viewer {
  if (!viewer) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  if (!viewer.scopes.has(scope)) throw new DomainError('FORBIDDEN', `The access token lacks the scope "${scope}".`);
  return viewer;
}

export function isAdmin(viewer: Viewer | null): boolean {
  return viewer?.user?.role === 'admin';
}

/** @throws DomainError `UNAUTHENTICATED`, or `FORBIDDEN` as `requireUser` and for who is no admin. */
export function requireAdmin(viewer: Viewer | null): UserProfile {
  const user = requireUser(viewer);
  if (user.role !== 'admin') throw new DomainError('FORBIDDEN', 'Only admins may do this.');
  return user;
}
