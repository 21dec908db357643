import type { ChatRole } from '../chat-role.js';
import { createdSeqOf } from '../created-seq.js';
import { type Database, query } from '../database.js';
import type { UserKind, UserProfile, UserRole } from '../profile.js';

/** A member of a chat. Every member may see all of it. */
export interface Member {
  chatId: string;
  role: ChatRole;
  joinedAt: Date;
  /** Null for a member who is not muted now. */
  mutedUntil: Date | null;
  user: UserProfile;
}

export interface MemberPage {
  /** At most this many members of each chat. */
  first: number;
  /** Only members after the user with this id, who may be no member. */
  after?: string | undefined;
}

interface MemberRow {
  chat_id: string;
  chat_role: ChatRole;
  joined_at: Date;
  muted_until: Date | null;
  user_id: string;
  username: string;
  first_name: string;
  last_name: string;
  role: UserRole;
  kind: UserKind;
  date_joined: Date;
}

// What looks like a mute in a direct chat is a block (set_block.sql), of which nobody is told.
const LIST = {
  name: 'chat-members-list',
  text: `SELECT l.* FROM unnest($1::uuid[]) AS wanted (chat_id) CROSS JOIN LATERAL (
      SELECT m.chat_id, m.role AS chat_role, m.joined_at, CASE WHEN m.muted_until > now() AND NOT is_direct_chat(m.chat_id) THEN m.muted_until END AS muted_until, u.id AS user_id, u.username, u.first_name, u.last_name, u.role,
        u.kind, u.date_joined
      FROM chat_memberships m JOIN users u ON u.id = m.user_id
      WHERE m.chat_id = wanted.chat_id AND m.user_seq > $2 AND m.left_at IS NULL ORDER BY m.user_seq LIMIT $3) l LIMIT $4`,
};

/** The default limit of one query. */
const MAX_ROWS = 50_000;

/** Lists the members of chats. Callers check access first (`Chats`). */
export class MemberLists {
  constructor(private readonly db: Database) {}

  /**
   * A page of the members of each of these chats, in the order in which the users were created. One query, which reads no more rows
   * than it returns.
   * @param maxRows most members of all chats together
   */
  async list(
    chatIds: readonly string[],
    { first, after }: MemberPage,
    maxRows = MAX_ROWS,
  ): Promise<Map<string, Member[]>> {
    const members = new Map<string, Member[]>(chatIds.map((id) => [id, []]));
    const place = await createdSeqOf(this.db, 'users', after);
    for (const row of await query<MemberRow>(this.db, LIST, [chatIds, place, first, maxRows]))
      members.get(row.chat_id)?.push(toMember(row));
    return members;
  }
}

function toMember(row: MemberRow): Member {
  return {
    chatId: row.chat_id,
    role: row.chat_role,
    joinedAt: row.joined_at,
    mutedUntil: row.muted_until,
    user: {
      id: row.user_id,
      username: row.username,
      firstName: row.first_name,
      lastName: row.last_name,
      role: row.role,
      kind: row.kind,
      dateJoined: row.date_joined.toISOString(),
    },
  };
}
