import type { ChatRole } from '../chat-role.js';
import { notAdminError } from '../people/acting-admin.js';
import type { UserProfile } from '../profile.js';
import type { Viewer } from '../viewer.js';
import { type MembershipChange, type MembershipChanges, type Target, targetOf } from './membership-changes.js';

export interface Membership {
  chatId: string;
  userId: string;
  role: ChatRole;
  joinedAt: Date;
  /** Null for a member who is not muted. */
  mutedUntil: Date | null;
}

const ADDITION = 'outcome, epoch, seq, joined_at AS at, role, joined_at, muted_until';
const ADD = { name: 'chat-member-add', text: `SELECT ${ADDITION} FROM add_chat_member($1, $2, $3)` };
const ADD_AS_ADMIN = {
  name: 'chat-member-add-as-admin',
  text: `SELECT ${ADDITION} FROM add_chat_member_as_admin($1, $2, $3, $4)`,
};
const REMOVE = { name: 'chat-member-remove', text: 'SELECT * FROM remove_chat_member($1, $2, $3, $4, $5)' };
const SET_ROLE = { name: 'chat-member-set-role', text: 'SELECT * FROM set_member_role($1, $2, $3, $4, $5, $6)' };

/**
 * Adds and removes members and sets their roles. The transaction that makes a change also gives it a number in the chat's log and
 * checks the actor's rights (`rights.ts`). A direct chat keeps its two members and their role: for them and for an operator all
 * methods throw `FORBIDDEN`, rule `chat.direct`; to everybody else there is no such chat.
 */
export class Memberships {
  constructor(private readonly changes: MembershipChanges) {}

  /**
   * Makes a user a member. Does nothing when the user is a member already. A user who was a member before gets the former role, but
   * at most `member`.
   * @param admin the actor; the statement checks that they still are an admin. Undefined for the operator and the first start
   * @throws DomainError `NOT_FOUND`, `FORBIDDEN`, `UNAUTHENTICATED`; `CONFLICT`, rule `user.banned`; `SERVICE_UNAVAILABLE` while the
   * chat's row is locked
   */
  async add(actor: UserProfile | null, chat: string, member: string, admin?: Viewer): Promise<Membership> {
    const target = targetOf(chat, member);
    const values = [target.chatId, target.userId, actor?.id ?? null, ...(admin ? [admin.familyId] : [])];
    const change = await this.changes.run(target, admin ? ADD_AS_ADMIN : ADD, values, 'remove');
    if (admin && change.outcome === 'no_admin') throw await notAdminError(this.changes.db, admin);
    if (change.outcome === 'created')
      await this.changes.tell({ type: 'member.added' }, target, { user: actor, viewer: admin }, change);
    return membershipOf(target, change);
  }

  /**
   * Ends a membership. The user receives no change with a higher number, on any process. Moderators and owners may remove members
   * whose role is lower than theirs, admins may remove anybody. Returns false when the user was no member.
   * @param viewer the actor; undefined for the operator
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rule `chat.role`; `CONFLICT`, rule `chat.last_owner`; `UNAUTHENTICATED`;
   * `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async remove(actor: UserProfile | null, chat: string, member: string, viewer?: Viewer): Promise<boolean> {
    const target = await this.changes.requireRight('remove', chat, member, viewer);
    const by = { user: actor, viewer };
    const change = await this.changes.act(target, by, 'remove', REMOVE);
    if (change.outcome !== 'removed') return false;
    await this.changes.tell({ type: 'member.removed', facts: { cause: 'removed' } }, target, by, change);
    return true;
  }

  /**
   * Gives a member another role. Owners and admins may. The last owner of a chat must stay one.
   * @param viewer the actor; undefined for the operator
   * @throws DomainError as `remove`, and `NOT_FOUND` when the user is no member
   */
  async setRole(
    actor: UserProfile | null,
    chat: string,
    member: string,
    role: ChatRole,
    viewer?: Viewer,
  ): Promise<Membership> {
    const target = await this.changes.requireRight('roles', chat, member, viewer);
    const by = { user: actor, viewer };
    const change = await this.changes.act(target, by, 'roles', SET_ROLE, [role]);
    if (change.outcome === 'updated')
      await this.changes.tell({ type: 'member.updated' }, target, by, { ...change, role });
    return membershipOf(target, { ...change, role });
  }
}

/** The member after a change. */
export function membershipOf(target: Target, { role, joined_at, muted_until }: MembershipChange): Membership {
  return { ...target, role, joinedAt: joined_at, mutedUntil: muted_until ?? null };
}
