import type { Viewer } from '../../domain/viewer.js';

/** The key that limits count a token's use under: its user, or its client when the client acts for itself. */
export function holderOf({ user, clientId }: Viewer): string {
  return user ? `user ${user.id}` : `client ${clientId}`;
}
