import { checkText } from '../text.js';
import type { Viewer } from '../viewer.js';
import { requireUserIn } from '../viewer.js';
import type { MembershipChanges } from './membership-changes.js';
import { type Membership, membershipOf } from './memberships.js';

/** The end of what has no end. */
export const WITHOUT_END = new Date('9999-12-31T23:59:59.999Z');
/** In code points. */
export const MAX_REASON_LENGTH = 500;

const SET_MUTE = { name: 'chat-member-mute', text: 'SELECT * FROM set_mute($1, $2, $3, $4, $5, $6, $7)' };

/** Mutes members: they read, and write nothing that others see. The audit log has each mute, with its reason. */
export class Mutes {
  constructor(private readonly changes: MembershipChanges) {}

  /**
   * Mutes a member until then; null for no end. Moderators and owners may, those whose role is lower than theirs; admins may everybody
   * but admins. The mute outlives leaving and coming back.
   * @throws DomainError `BAD_USER_INPUT` for a time that is past; `NOT_FOUND`; `FORBIDDEN`, rule `chat.role` and those of
   * `accessRefused`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  mute(viewer: Viewer, chat: string, member: string, until: Date | null, reason?: string | null): Promise<Membership> {
    return this.set(viewer, chat, member, until ?? WITHOUT_END, reason);
  }

  /** Ends a mute. Who is not muted stays so. Otherwise as `mute`. */
  unmute(viewer: Viewer, chat: string, member: string, reason?: string | null): Promise<Membership> {
    return this.set(viewer, chat, member, null, reason);
  }

  private async set(viewer: Viewer, chat: string, member: string, until: Date | null, reason?: string | null) {
    const target = await this.changes.requireRight('mute', chat, member, viewer);
    const by = { user: requireUserIn(viewer, chat), viewer };
    const values = [until?.toISOString() ?? null, checkReason(reason)];
    const change = await this.changes.act(target, by, 'mute', SET_MUTE, values);
    if (change.outcome === 'updated') await this.changes.tell({ type: 'member.updated' }, target, by, change);
    return membershipOf(target, change);
  }
}

/** @throws DomainError `BAD_USER_INPUT`, field `reason` */
export function checkReason(reason: string | null | undefined): string | null {
  return reason == null ? null : checkText('reason', reason, { min: 1, max: MAX_REASON_LENGTH });
}
