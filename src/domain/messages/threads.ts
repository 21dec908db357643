import { type AdminReading, kindsReadAsAdmin, mayReadSql } from '../chats/rights.js';
import { type Database, query } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';
import { isUuid } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import type { OnStateChanged } from './state-changed.js';

/** A message and the replies to it. */
export interface Thread {
  chatId: string;
  rootSeq: number;
  /** The replies that are not deleted. */
  replyCount: number;
  /** The newest of them; 0 when there is none. */
  lastReplySeq: number;
}

/** What a thread is to one member. */
export interface ThreadState {
  following: boolean;
  /** The newest reply that the member has read; 0 for none. */
  readSeq: number;
  /** Replies of others behind it, at most `MAX_UNREAD`. Those of before the member joined do not count. */
  unread: number;
  /** There are more than `unread`. */
  unreadCapped: boolean;
  /** How many of them, and of the edits behind it, mention the member; at most `MAX_UNREAD`. */
  mentions: number;
}

export interface ThreadPlace {
  chatId: string;
  rootSeq: number;
}

export interface ThreadFilter {
  /** Only threads that the viewer follows. */
  following: boolean;
  /** Only threads with unread replies. */
  unread: boolean;
  first: number;
  /** Only threads whose newest reply is below this number. */
  before: number | undefined;
}

const MAX_UNREAD = 100;
/** The newest replies of a thread among whose senders the participants are. */
const PARTICIPANTS_OF = 200;

const COLUMNS = `t.chat_id AS "chatId", t.root_seq AS "rootSeq", t.reply_count AS "replyCount", t.last_reply_seq AS "lastReplySeq"`;
const PLACES = 'unnest($1::uuid[], $2::int[]) AS w (chat_id, root_seq)';

const THREADS_AT = {
  name: 'threads-at',
  text: `SELECT ${COLUMNS} FROM ${PLACES} JOIN threads t ON t.chat_id = w.chat_id AND t.root_seq = w.root_seq`,
};

const PARTICIPANTS = {
  name: 'threads-participants',
  text: `SELECT w.chat_id AS "chatId", w.root_seq AS "rootSeq", profile_as_json(u) AS "user" FROM ${PLACES}
    CROSS JOIN LATERAL (
      SELECT newest.sender_id, max(newest.seq) AS seq FROM (
        SELECT m.sender_id, m.seq FROM message_extras x JOIN messages m ON m.chat_id = x.chat_id AND m.seq = x.seq
        WHERE x.chat_id = w.chat_id AND x.thread_root_seq = w.root_seq AND x.deleted_at IS NULL
        ORDER BY x.seq DESC LIMIT ${PARTICIPANTS_OF}) newest
      GROUP BY newest.sender_id ORDER BY 2 DESC LIMIT $3) p
    JOIN users u ON u.id = p.sender_id ORDER BY w.chat_id, w.root_seq, p.seq DESC`,
};

/** SQL: the replies of the thread `t` that are unread by the member `p`, whose marker is `f`. */
const UNREAD = `FROM message_extras x JOIN messages m ON m.chat_id = x.chat_id AND m.seq = x.seq
  WHERE x.chat_id = t.chat_id AND x.thread_root_seq = t.root_seq AND x.seq > greatest(f.read_seq, p.joined_seq)
    AND x.deleted_at IS NULL AND m.sender_id <> p.user_id`;

/** SQL: the member has not blocked the sender of the message `m`, whose mentions would bring no notice. */
const NOT_BLOCKED =
  'NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.user_id = p.user_id AND b.blocked_id = m.sender_id)';

/** SQL: the messages of the thread that mention the member, by a name that was added or to everybody, behind the marker. */
const MENTIONS = `SELECT n.message_seq FROM mentions n
    JOIN message_extras x ON x.chat_id = n.chat_id AND x.seq = n.message_seq
    JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.message_seq
    WHERE n.user_id = p.user_id AND n.chat_id = t.chat_id AND n.at_seq > greatest(f.read_seq, p.joined_seq)
      AND x.thread_root_seq = t.root_seq AND m.sender_id <> p.user_id AND ${NOT_BLOCKED}
  UNION SELECT x.seq ${UNREAD} AND x.mention_all AND ${NOT_BLOCKED}`;

const STATES = {
  name: 'threads-states',
  text: `SELECT t.chat_id AS "chatId", t.root_seq AS "rootSeq", coalesce(f.following, false) AS following,
      coalesce(f.read_seq, 0) AS "readSeq",
      (SELECT count(*)::int FROM (SELECT ${UNREAD} LIMIT ${MAX_UNREAD + 1}) unread) AS unread,
      (SELECT count(*)::int FROM (${MENTIONS} LIMIT ${MAX_UNREAD}) named) AS mentions
    FROM ${PLACES} JOIN threads t ON t.chat_id = w.chat_id AND t.root_seq = w.root_seq
    JOIN chat_memberships p ON p.chat_id = t.chat_id AND p.user_id = $3 AND p.left_at IS NULL
    LEFT JOIN thread_follows f ON f.user_id = p.user_id AND f.chat_id = t.chat_id AND f.root_seq = t.root_seq`,
};

const list = (name: string, follows: string, shown: string) => ({
  name,
  text: `SELECT ${COLUMNS} FROM threads t
    LEFT JOIN chat_memberships p ON p.chat_id = t.chat_id AND p.user_id = $2 AND p.left_at IS NULL
    ${follows} f ON f.user_id = $2 AND f.chat_id = t.chat_id AND f.root_seq = t.root_seq
    WHERE t.chat_id = $1 AND t.last_reply_seq > 0 AND t.last_reply_seq < $4 AND ${shown}
      AND EXISTS (SELECT 1 FROM chats c WHERE c.id = $1 AND ${mayReadSql('$2', '$3')})
      AND (NOT $5 OR EXISTS (SELECT 1 ${UNREAD}))
    ORDER BY t.last_reply_seq DESC LIMIT $6`,
});

const ALL = list('threads-list', 'LEFT JOIN thread_follows', 'true');
const FOLLOWED = list('threads-list-followed', 'JOIN thread_follows', 'f.following');

const FOLLOW = { name: 'thread-follow', text: 'SELECT * FROM set_thread_follow($1, $2, $3, $4)' };

/** Reads threads, and makes members follow them. Without an access check where none is named. */
export class Threads {
  constructor(
    private readonly db: Database,
    private readonly adminReading: AdminReading,
    private readonly onStateChanged: OnStateChanged,
  ) {}

  /** The threads of these messages, in any order; none for a message that never had a reply. One query. */
  at(places: readonly ThreadPlace[]): Promise<Thread[]> {
    return query<Thread>(this.db, THREADS_AT, columnsOf(places));
  }

  /** Who replied last in each thread, the newest first: at most `first`, among the senders of the newest 200 replies. One query. */
  async participants(places: readonly ThreadPlace[], first: number) {
    const rows = await query<ThreadPlace & { user: UserProfile }>(this.db, PARTICIPANTS, [...columnsOf(places), first]);
    return rows.map(({ user, ...place }) => ({ ...place, user: profileOfJson(user) }));
  }

  /** What each thread is to this user; none in a chat that the user is no member of. One query. */
  async states(userId: string, places: readonly ThreadPlace[]): Promise<(ThreadPlace & ThreadState)[]> {
    const rows = await query<ThreadPlace & Omit<ThreadState, 'unreadCapped'>>(this.db, STATES, [
      ...columnsOf(places),
      userId,
    ]);
    return rows.map((row) => ({
      ...row,
      unread: Math.min(row.unread, MAX_UNREAD),
      unreadCapped: row.unread > MAX_UNREAD,
    }));
  }

  /** The threads of a chat that have replies, the one with the newest reply first. None when the viewer may not read the chat. */
  list(viewer: Viewer | null, chatId: string, { following, unread, first, before }: ThreadFilter): Promise<Thread[]> {
    const kinds = kindsReadAsAdmin(viewer, this.adminReading);
    const values = [chatId, requireUserIn(viewer, chatId).id, kinds, before ?? 2 ** 31 - 1, unread, first];
    return query<Thread>(this.db, following ? FOLLOWED : ALL, values);
  }

  /**
   * Makes the viewer follow the thread of a message, or stop. The caller has checked that the viewer may read the chat, whose id is as
   * PostgreSQL writes it.
   * @throws DomainError `FORBIDDEN`, rule `chat.not_member`, for an admin who is no member; `BAD_USER_INPUT` for a message that has
   * no thread
   */
  async follow(viewer: Viewer, chatId: string, messageId: string, follow: boolean): Promise<ThreadPlace> {
    if (!isUuid(messageId)) throw noThread();
    const { id: userId } = requireUserIn(viewer, chatId);
    const [row] = await query<{ outcome: 'set' | 'same' | 'no_member' | 'no_thread'; root_seq: number }>(
      this.db,
      FOLLOW,
      [chatId, messageId, userId, follow],
    );
    if (row?.outcome === 'no_member')
      throw new DomainError('FORBIDDEN', 'Only members of the chat follow threads.', { rule: 'chat.not_member' });
    if (row?.outcome !== 'set' && row?.outcome !== 'same') throw noThread();
    if (row.outcome === 'set') this.onStateChanged(userId, chatId, true);
    return { chatId, rootSeq: row.root_seq };
  }
}

function columnsOf(places: readonly ThreadPlace[]): [string[], number[]] {
  return [places.map(({ chatId }) => chatId), places.map(({ rootSeq }) => rootSeq)];
}

function noThread(): DomainError {
  return badInput('messageId', 'messageId must be the id of a message of this chat that has replies in a thread.');
}
