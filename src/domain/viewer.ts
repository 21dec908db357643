import { DomainError } from './errors.js';

export type UserRole = 'admin' | 'user';

/** What every member of a chat may know of a user. It travels with events, so it holds nothing private. */
export interface UserProfile {
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  role: UserRole;
  /** ISO 8601, UTC, milliseconds. */
  dateJoined: string;
}

/** `read`: queries and listening. `write`: mutations and sending. `introspection`: RFC 7662. */
export type Scope = 'read' | 'write' | 'introspection';
export const SCOPES: readonly Scope[] = ['read', 'write', 'introspection'];

/** Who holds a valid access token, and what it allows. Made by `Tokens.authenticate` alone. */
export interface Viewer {
  /** Null for a client that acts for itself (client_credentials). */
  user: UserProfile | null;
  clientId: string;
  /** The sign-in the token belongs to; what revocation ends. */
  familyId: string;
  scopes: ReadonlySet<Scope>;
  expiresAt: Date;
}

/** @throws DomainError `UNAUTHENTICATED` without a token, `FORBIDDEN` when the token names no user. */
export function requireUser(viewer: Viewer | null): UserProfile {
  if (!viewer) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  if (!viewer.user) throw new DomainError('FORBIDDEN', 'This token belongs to a client, not to a user.');
  return viewer.user;
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

/** @throws DomainError `UNAUTHENTICATED` or `FORBIDDEN`. */
export function requireAdmin(viewer: Viewer | null): UserProfile {
  const user = requireUser(viewer);
  if (user.role !== 'admin') throw new DomainError('FORBIDDEN', 'Only admins may do this.');
  return user;
}
