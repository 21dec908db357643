import type { Announce } from './chat-events.js';
import { type Database, query } from './database.js';
import { DomainError } from './errors.js';
import { isUuid } from './text.js';
import { PROFILE_FIELDS, toProfile } from './users.js';
import type { UserProfile, UserRole } from './viewer.js';

export interface Membership {
  chatId: string;
  userId: string;
  joinedAt: Date;
}

/** A member of a chat as every member of it may see them. */
export interface Member {
  chatId: string;
  joinedAt: Date;
  user: UserProfile;
}

export interface MemberPage {
  /** The most members of each chat. */
  first: number;
  /** Only members after the user with this id, which need not be a member. */
  after?: string | undefined;
}

interface MemberRow {
  chat_id: string;
  joined_at: Date;
  user_id: string;
  username: string;
  first_name: string;
  last_name: string;
  role: UserRole;
  date_joined: Date;
}

interface Outcome {
  outcome: 'created' | 'removed' | 'repeated' | 'no_chat' | 'no_user';
  epoch: string;
  seq: number;
}

const ADD = {
  name: 'chat-member-add',
  text: 'SELECT outcome, epoch, seq, joined_at AS at FROM add_chat_member($1, $2, $3)',
};
const REMOVE = {
  name: 'chat-member-remove',
  text: 'SELECT outcome, epoch, seq, removed_at AS at FROM remove_chat_member($1, $2, $3)',
};

const LIST = {
  name: 'chat-members-list',
  text: `SELECT l.* FROM unnest($1::uuid[]) AS wanted (chat_id) CROSS JOIN LATERAL (
      SELECT m.chat_id, m.joined_at, u.id AS user_id, u.username, u.first_name, u.last_name, u.role, u.date_joined
      FROM chat_memberships m JOIN users u ON u.id = m.user_id
      WHERE m.chat_id = wanted.chat_id AND m.user_id > $2 ORDER BY m.user_id LIMIT $3) l`,
};

/** Before every other id. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** Who is in which chat. Each change takes a number in the chat's log, in the transaction that makes it. */
export class Memberships {
  constructor(
    private readonly db: Database,
    private readonly announce: Announce,
  ) {}

  /** Makes a user a member; a member already stays one, and nothing changes. @throws DomainError `NOT_FOUND`. */
  async add(actor: UserProfile | null, chat: string, member: string): Promise<Membership> {
    const { outcome, epoch, seq, at, chatId, userId } = await this.change(ADD, actor, chat, member);
    if (outcome === 'created') {
      const user = await this.profile(userId);
      const joined = { user, joinedAt: at.toISOString() };
      this.announce({ type: 'member.added', chatId, epoch, seq, at: at.toISOString(), actor, member: joined });
    }
    return { chatId, userId, joinedAt: at };
  }

  /**
   * Ends a membership, and with it what reaches the user: nothing with a higher number does, on any process.
   * Returns false when the user was no member. @throws DomainError `NOT_FOUND`.
   */
  async remove(actor: UserProfile | null, chat: string, member: string): Promise<boolean> {
    const { outcome, epoch, seq, at, chatId, userId } = await this.change(REMOVE, actor, chat, member);
    if (outcome !== 'removed') return false;
    const user = await this.profile(userId);
    this.announce({ type: 'member.removed', chatId, epoch, seq, at: at.toISOString(), actor, user });
    return true;
  }

  /**
   * A page of the members of each of these chats, in the order of their users' ids, in one query that reads no more than it
   * returns. It asks nobody's leave: `Chats` says who may.
   */
  async list(chatIds: readonly string[], { first, after = NIL_UUID }: MemberPage): Promise<Map<string, Member[]>> {
    const members = new Map<string, Member[]>(chatIds.map((id) => [id, []]));
    for (const row of await query<MemberRow>(this.db, LIST, [chatIds, after, first]))
      members.get(row.chat_id)?.push(toMember(row));
    return members;
  }

  private async change(statement: typeof ADD, actor: UserProfile | null, chat: string, member: string) {
    if (!isUuid(chat)) throw notFound('chat');
    if (!isUuid(member)) throw notFound('user');
    // As PostgreSQL writes them: topics and comparisons go by an id's text.
    const [chatId, userId] = [chat.toLowerCase(), member.toLowerCase()];
    const [row] = await query<Outcome & { at: Date }>(this.db, statement, [chatId, userId, actor?.id ?? null]);
    if (!row || row.outcome === 'no_chat') throw notFound('chat');
    if (row.outcome === 'no_user') throw notFound('user');
    return { ...row, chatId, userId };
  }

  private async profile(userId: string): Promise<UserProfile> {
    return toProfile(await this.db.prisma.user.findUniqueOrThrow({ where: { id: userId }, select: PROFILE_FIELDS }));
  }
}

function toMember(row: MemberRow): Member {
  return {
    chatId: row.chat_id,
    joinedAt: row.joined_at,
    user: {
      id: row.user_id,
      username: row.username,
      firstName: row.first_name,
      lastName: row.last_name,
      role: row.role,
      dateJoined: row.date_joined.toISOString(),
    },
  };
}

function notFound(what: 'chat' | 'user'): DomainError {
  return new DomainError('NOT_FOUND', `There is no such ${what}.`, { field: `${what}Id` });
}
