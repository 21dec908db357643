import type { ChatRole } from '../domain/chat-role.js';
import type { UserProfile } from '../domain/profile.js';

export function userOnWire({ id, username }: UserProfile) {
  return { id, username };
}

interface Member {
  user: UserProfile;
  role?: ChatRole;
  joinedAt: string;
  mutedUntil: string | null;
}

/** Members that are undefined are left out, as is `mutedUntil` of who is not muted. */
export function memberOnWire({ user, role, joinedAt, mutedUntil }: Member) {
  return { user: userOnWire(user), role, joinedAt, mutedUntil: mutedUntil ?? undefined };
}
