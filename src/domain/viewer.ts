import { DomainError } from './errors.js';
import type { UserProfile } from './profile.js';

/** `read`: queries and subscriptions. `write`: mutations and sending. `introspection`: RFC 7662. */
export type Scope = 'read' | 'write' | 'introspection';
export const SCOPES: readonly Scope[] = ['read', 'write', 'introspection'];

/** The holder of a valid access token, and what the token allows. Only `Tokens` creates viewers. */
export interface Viewer {
  /** Null for a client that acts for itself (`client_credentials`). */
  user: UserProfile | null;
  /** Null for a token of a trusted issuer: its clients are not ours. */
  clientId: string | null;
  /** The sign-in that the token belongs to. Revocation ends a family as a whole. */
  familyId: string;
  scopes: ReadonlySet<Scope>;
  /** When the token expires, by the database's clock. Shown to the client. */
  expiresAt: Date;
  /**
   * When it stops to work, by this process's monotonic clock (`performance.now()`). Decisions use it, since the two clocks may differ.
   */
  endsAt: number;
  /** How long after `expiresAt` that is, in milliseconds: the leeway for the clock of a trusted issuer, 0 for our own tokens. */
  graceMs: number;
}

/** @throws DomainError `UNAUTHENTICATED` without a token. */
export function requireViewer(viewer: Viewer | null): Viewer {
  if (!viewer) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  return viewer;
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
