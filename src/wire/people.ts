import type { ChatRole } from '../domain/chat-role.js';
import type { UserProfile } from '../domain/profile.js';

export function userOnWire({ id, username }: UserProfile) {
  return { id, username };
}

interface Member {
  user: UserProfile;
  role?: ChatRole;
  joinedAt: string;
}

/** Members that are undefined are left out. */
export function memberOnWire({ user, role, joinedAt }: Member) {
  return { user: userOnWire(user), role, joinedAt };
}
