import type { Presence } from '../domain/presence.js';

/** The presence of users, as it is now. */
export function presenceOnWire(presences: readonly Presence[]) {
  const users = presences.map(({ userId, status, lastActiveAt }) => ({ id: userId, status, lastActiveAt }));
  return { type: 'presence', users };
}
