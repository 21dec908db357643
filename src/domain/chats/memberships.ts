import type { ChatRole } from '../chat-role.js';
import { type Database, query, type Statement } from '../database.js';
import { DomainError } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import { actingAdminSql, notAdminError } from '../people/acting-admin.js';
import { PROFILE_FIELDS, toProfile, type UserProfile } from '../profile.js';
import { isUuid } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { lastOwner, rankTooLow } from './chat-refusals.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from './refused-access.js';
import { type ChatAction, rightOf } from './rights.js';
import { readStandings } from './standings.js';

export interface Membership {
  chatId: string;
  userId: string;
  role: ChatRole;
  joinedAt: Date;
}

/** The result of a database function; its file in `prisma/functions` explains each outcome. */
interface Outcome {
  outcome:
    | ('created' | 'updated' | 'removed' | 'repeated')
    | AccessRefusal
    | ('no_user' | 'no_member' | 'rank' | 'last_owner');
  epoch: string;
  seq: number;
  at: Date;
  /** The member's role: after an addition, before a removal or a change. */
  role: ChatRole;
  joined_at: Date;
}

/** The ids in lower case, as PostgreSQL writes them: topics and comparisons use an id's text. */
interface Target {
  chatId: string;
  userId: string;
}

const ADD = {
  name: 'chat-member-add',
  text: 'SELECT outcome, epoch, seq, joined_at AS at, role, joined_at FROM add_chat_member($1, $2, $3)',
};
/** Gives no row, and changes nothing, when the actor is no longer an admin. An addition is an act of the audit log. */
const ADD_AS_ADMIN = {
  name: 'chat-member-add-as-admin',
  text: `SELECT outcome, epoch, seq, joined_at AS at, role, joined_at, CASE WHEN outcome = 'created'
      THEN write_audit(actor.id, $4, 'member.added', $1, $2::uuid::text, jsonb_build_object('role', role)) END
    FROM (${actingAdminSql('$3::uuid', '$4::uuid')}) AS actor, LATERAL add_chat_member($1, $2::uuid, actor.id)`,
};
const REMOVE = { name: 'chat-member-remove', text: 'SELECT * FROM remove_chat_member($1, $2, $3, $4, $5)' };
const SET_ROLE = { name: 'chat-member-set-role', text: 'SELECT * FROM set_member_role($1, $2, $3, $4, $5, $6)' };

/**
 * Adds and removes members and sets their roles. The transaction that makes a change also gives it a number in the chat's log and
 * checks the actor's rights (`rights.ts`). A direct chat keeps its two members and their role: for them and for an operator all
 * methods throw `FORBIDDEN`, rule `chat.direct`; to everybody else there is no such chat.
 */
export class Memberships {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
  ) {}

  /**
   * Makes a user a member. Does nothing when the user is a member already. A user who was a member before gets the former role, but
   * at most `member`.
   * @param admin the actor; the statement checks that they still are an admin. Undefined for the operator and the first start
   * @throws DomainError `NOT_FOUND`, `FORBIDDEN`, `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async add(actor: UserProfile | null, chat: string, member: string, admin?: Viewer): Promise<Membership> {
    const target = targetOf(chat, member);
    const values = [target.chatId, target.userId, actor?.id ?? null, ...(admin ? [admin.familyId] : [])];
    const change = await this.run(target, admin ? ADD_AS_ADMIN : ADD, values);
    if (!change) throw admin ? await notAdminError(this.db, admin) : notFound('chat');
    if (change.outcome === 'created') await this.announceChange('member.added', target, actor, change);
    return { ...target, role: change.role, joinedAt: change.joined_at };
  }

  /**
   * Ends a membership. The user receives no change with a higher number, on any process. Moderators and owners may remove members
   * whose role is lower than theirs, admins may remove anybody. Returns false when the user was no member.
   * @param viewer the actor; undefined for the operator
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rule `chat.role`; `CONFLICT`, rule `chat.last_owner`; `UNAUTHENTICATED`;
   * `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async remove(actor: UserProfile | null, chat: string, member: string, viewer?: Viewer): Promise<boolean> {
    const target = await this.requireRight('remove', chat, member, viewer);
    const change = await this.run(target, REMOVE, this.valuesOf(target, actor, 'remove', viewer), 'remove');
    if (change?.outcome !== 'removed') return false;
    await this.announceChange('member.removed', target, actor, change);
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
    const target = await this.requireRight('roles', chat, member, viewer);
    const change = await this.run(target, SET_ROLE, [...this.valuesOf(target, actor, 'roles', viewer), role], 'roles');
    if (!change) throw notFound('chat');
    const joinedAt = change.joined_at;
    if (change.outcome === 'updated') await this.announceChange('member.updated', target, actor, { ...change, role });
    return { ...target, role, joinedAt };
  }

  /** Refuses before it waits for the chat's row. The statement checks again under that lock. */
  private async requireRight(action: ChatAction, chat: string, member: string, viewer: Viewer | undefined) {
    if (viewer) {
      const place = { chatId: chat, userId: requireUserIn(viewer, chat).id };
      const [standing] = isUuid(chat) ? await readStandings(this.db, [place]) : [];
      requireAction(viewer, standing, action);
    }
    return targetOf(chat, member);
  }

  private valuesOf({ chatId, userId }: Target, actor: UserProfile | null, action: ChatAction, viewer?: Viewer) {
    return [chatId, userId, actor?.id ?? null, viewer?.familyId ?? null, rightOf(action, viewer)];
  }

  /** Undefined when the statement gives no row. @throws DomainError for an outcome that is a refusal */
  private async run(
    { chatId }: Target,
    statement: Statement,
    values: readonly (string | null)[],
    action?: ChatAction,
  ): Promise<Outcome | undefined> {
    const [change] = await this.mutex.run(chatId, () => query<Outcome>(this.db, statement, [...values]));
    if (change?.outcome === 'no_chat') throw notFound('chat');
    if (change && isAccessRefusal(change.outcome)) throw accessRefused(change.outcome, action ?? 'remove');
    switch (change?.outcome) {
      case 'no_user':
      case 'no_member':
        throw notFound('user');
      case 'rank':
        throw rankTooLow(change.role);
      case 'last_owner':
        throw lastOwner();
      case 'created':
      case 'updated':
      case 'removed':
      case 'repeated':
      case undefined:
        return change;
      default:
        throw new Error(`A change of members has an unknown outcome: ${change?.outcome}.`);
    }
  }

  private async announceChange(
    type: 'member.added' | 'member.updated' | 'member.removed',
    { chatId, userId }: Target,
    actor: UserProfile | null,
    { epoch, seq, at, role, joined_at }: Outcome,
  ): Promise<void> {
    const subject = toProfile(
      await this.db.prisma.user.findUniqueOrThrow({ where: { id: userId }, select: PROFILE_FIELDS }),
    );
    const membership = { role, joinedAt: joined_at.toISOString() };
    this.announce({ type, chatId, epoch, seq, at: at.toISOString(), actor, subject, membership });
  }
}

function targetOf(chat: string, member: string): Target {
  if (!isUuid(chat)) throw notFound('chat');
  if (!isUuid(member)) throw notFound('user');
  return { chatId: chat.toLowerCase(), userId: member.toLowerCase() };
}

function notFound(what: 'chat' | 'user'): DomainError {
  return new DomainError('NOT_FOUND', `There is no such ${what}.`, { field: `${what}Id` });
}
