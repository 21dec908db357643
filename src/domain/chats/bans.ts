import { query } from '../database.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';
import { isUuid } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { InvitationListener } from './invitations.js';
import type { MembershipChanges } from './membership-changes.js';
import { checkReason } from './mutes.js';
import { readStandings } from './standings.js';

/** A user who may not be a member of the chat. */
export interface Ban {
  user: UserProfile;
  /** Null for ever. */
  until: Date | null;
  /** Null for an operator, and for a user who is no more. */
  by: UserProfile | null;
  at: Date;
  reason: string | null;
}

/** How far back messages of a banned user are deleted. */
export const DELETE_SPANS = ['none', 'hour', 'day', 'week', 'all'] as const;
export type DeleteSpan = (typeof DELETE_SPANS)[number];

export interface NewBan {
  chatId: string;
  userId: string;
  /** Null or undefined for ever. */
  until?: Date | null | undefined;
  /** For the moderators. */
  reason?: string | null | undefined;
  /** Which messages of the user are put down to be deleted (`SenderDeletions`). Default: none. */
  deletes?: DeleteSpan | undefined;
}

const BAN = { name: 'chat-ban', text: 'SELECT * FROM ban_user($1, $2, $3, $4, $5, $6, $7, $8)' };
const UNBAN = { name: 'chat-unban', text: 'SELECT * FROM unban_user($1, $2, $3, $4, $5)' };
const LIST = {
  name: 'chat-bans-list',
  text: `SELECT profile_as_json(u) AS "user", b.until, profile_as_json(a) AS by, b.at, b.reason
    FROM chat_bans b JOIN users u ON u.id = b.user_id LEFT JOIN users a ON a.id = b.by_id
    WHERE b.chat_id = $1 AND ($2::uuid IS NULL OR b.user_id > $2) AND (b.until IS NULL OR b.until > now())
    ORDER BY b.user_id LIMIT $3`,
};

/** Bans users from chats. A ban ends at its time without anybody doing anything. The audit log has each, with its reason. */
export class Bans {
  constructor(
    private readonly changes: MembershipChanges,
    private readonly onInvitation: InvitationListener,
  ) {}

  /**
   * Bans a user, and ends their membership, if they have one, in the same transaction: they receive no change with a higher number, on
   * any process. Moderators and owners may ban who is no member or has a lower role than theirs; admins may ban everybody else.
   * @throws DomainError `BAD_USER_INPUT` for a time that is past; `NOT_FOUND`; `FORBIDDEN`, rule `chat.role` and those of
   * `accessRefused`; `CONFLICT`, rule `chat.last_owner`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async ban(viewer: Viewer, { chatId: chat, userId, until, reason, deletes = 'none' }: NewBan): Promise<void> {
    const target = await this.changes.requireRight('ban', chat, userId, viewer);
    const by = { user: requireUserIn(viewer, chat), viewer };
    const values = [until?.toISOString() ?? null, checkReason(reason), deletes];
    const change = await this.changes.act(target, by, 'ban', BAN, values);
    if (change.outcome === 'removed' || change.outcome === 'banned') this.onInvitation(target.userId);
    if (change.outcome !== 'removed') return;
    const facts = { cause: 'banned', ...(until && { until: until.toISOString() }) };
    await this.changes.tell({ type: 'member.removed', facts }, target, by, change);
  }

  /** Ends a ban. Returns false when the user was not banned. Who bans may. @throws DomainError as `ban` */
  async unban(viewer: Viewer, chat: string, user: string): Promise<boolean> {
    const target = await this.changes.requireRight('ban', chat, user, viewer);
    const by = { user: requireUserIn(viewer, chat), viewer };
    const { outcome } = await this.changes.act(target, by, 'ban', UNBAN);
    return outcome === 'unbanned';
  }

  /**
   * The users who are banned from the chat now, in the order of their ids.
   * @param page at most so many, of users whose ids are above `after`
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rules `chat.role` and `chat.direct`
   */
  async list(viewer: Viewer, chat: string, page: { first: number; after?: string | undefined }): Promise<Ban[]> {
    const { db } = this.changes;
    const { id: userId } = requireUserIn(viewer, chat);
    const [standing] = isUuid(chat) ? await readStandings(db, [{ chatId: chat, userId }]) : [];
    // Who reads reports decides about bans.
    requireAction(viewer, standing, 'readReports');
    const bans = await query<Ban>(db, LIST, [chat, page.after ?? null, page.first]);
    return bans.map((ban) => ({ ...ban, user: profileOfJson(ban.user), by: ban.by && profileOfJson(ban.by) }));
  }
}
