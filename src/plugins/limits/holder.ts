import type { Viewer } from '../../domain/viewer.js';

/** Whom a token's use is counted for: its user, or the client that acts for itself. */
export function holderOf({ user, clientId }: Viewer): string {
  return user ? `user ${user.id}` : `client ${clientId}`;
}
