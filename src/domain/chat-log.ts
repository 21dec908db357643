import { type ChatEvent, type ChatMessage, messageCreated } from './chat-events.js';
import type { Cursor } from './cursor.js';
import { type Database, query, queryValues } from './database.js';
import type { UserProfile, UserRole } from './viewer.js';

/** Where a chat's history stands. */
export interface ChatHead extends Cursor {
  chatId: string;
}

export interface MessageRange {
  /** Only messages with a number below this. */
  before?: number | undefined;
  /** Only messages with a number above this. */
  after?: number | undefined;
  /** The newest so many of the range. */
  last: number;
}

/** The values of `PLAIN_COLUMNS`. */
export type PlainValues = [
  seq: number,
  id: string,
  content: string,
  nonce: string | null,
  createdAt: string,
  senderId: string,
];

/** The values of `MESSAGE_COLUMNS`. */
export type MessageValues = [
  ...PlainValues,
  username: string,
  firstName: string,
  lastName: string,
  role: UserRole,
  dateJoined: string,
];

interface ChangeRow {
  seq: number;
  type: 'member_added' | 'member_removed';
  created_at: Date;
  actor: ProfileJson | null;
  subject: ProfileJson;
}

interface ProfileJson {
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  role: UserRole;
  dateJoined: string;
}

/** A message of `messages m`. */
export const PLAIN_COLUMNS = 'm.seq, m.id, m.content, m.nonce, m.created_at, m.sender_id';

/** The same with its sender of `users u`. */
export const MESSAGE_COLUMNS = `${PLAIN_COLUMNS}, u.username, u.first_name, u.last_name, u.role, u.date_joined`;

// Bounds are always given: the primary key (chat_id, seq) is walked from one of them, at any depth of the history.
const NEWEST_MESSAGES = {
  name: 'messages-newest',
  text: `SELECT ${MESSAGE_COLUMNS} FROM messages m JOIN users u ON u.id = m.sender_id
    WHERE m.chat_id = $1 AND m.seq > $2 AND m.seq < $3 ORDER BY m.seq DESC LIMIT $4`,
};

const MESSAGES_UP = {
  name: 'messages-up',
  text: `SELECT ${MESSAGE_COLUMNS} FROM messages m JOIN users u ON u.id = m.sender_id
    WHERE m.chat_id = $1 AND m.seq > $2 AND m.seq <= $3 ORDER BY m.seq LIMIT $4`,
};

const LAST_MESSAGES = {
  name: 'messages-last-of-chats',
  text: `SELECT wanted.chat_id, l.* FROM unnest($1::uuid[]) AS wanted (chat_id) CROSS JOIN LATERAL (
      SELECT ${MESSAGE_COLUMNS} FROM messages m JOIN users u ON u.id = m.sender_id
      WHERE m.chat_id = wanted.chat_id ORDER BY m.seq DESC LIMIT 1) l`,
};

const PROFILE_JSON = (alias: string) => `CASE WHEN ${alias}.id IS NOT NULL THEN jsonb_build_object('id', ${alias}.id,
  'username', ${alias}.username, 'firstName', ${alias}.first_name, 'lastName', ${alias}.last_name, 'role', ${alias}.role,
  'dateJoined', ${alias}.date_joined) END`;

const CHANGES_UP = {
  name: 'chat-events-up',
  text: `SELECT e.seq, e.type, e.created_at, ${PROFILE_JSON('a')} AS actor, ${PROFILE_JSON('s')} AS subject
    FROM chat_events e LEFT JOIN users a ON a.id = e.actor_id JOIN users s ON s.id = e.subject_id
    WHERE e.chat_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`,
};

const HEADS = {
  name: 'chat-heads',
  text: 'SELECT id AS "chatId", epoch, last_seq AS seq FROM chats WHERE id = ANY($1::uuid[])',
};

/** Reads the histories of chats. It asks nobody's leave: `Chats` says who may. */
export class ChatLog {
  constructor(private readonly db: Database) {}

  /** The heads of those chats that exist, in no order, in one query. */
  heads(chatIds: readonly string[]): Promise<ChatHead[]> {
    return query<ChatHead>(this.db, HEADS, [chatIds]);
  }

  /**
   * The changes with a number above `after` and up to `head`, oldest first, at most `limit`.
   * `head` must be a number that was read from the chat: everything up to it is committed, so the answer has no hole.
   */
  async events({ chatId, epoch, seq: head }: ChatHead, after: number, limit: number): Promise<ChatEvent[]> {
    // No more than `limit` numbers are wanted, and numbers are dense: both halves of the log share one upper bound.
    const upTo = Math.min(head, after + limit);
    if (upTo <= after) return [];
    const range = [chatId, after, upTo, limit];
    const [messages, changes] = await Promise.all([
      queryValues<MessageValues>(this.db, MESSAGES_UP, range),
      query<ChangeRow>(this.db, CHANGES_UP, range),
    ]);
    const events: ChatEvent[] = messages.map((row) => messageCreated(epoch, toMessage(chatId, row)));
    for (const row of changes) events.push(toChange(chatId, epoch, row));
    return changes.length === 0 ? events : events.sort((a, b) => a.seq - b.seq);
  }

  /** The newest `last` messages of a range, oldest first. */
  async messages(chatId: string, { before = 2 ** 31 - 1, after = 0, last }: MessageRange): Promise<ChatMessage[]> {
    const rows = await queryValues<MessageValues>(this.db, NEWEST_MESSAGES, [chatId, after, before, last]);
    return rows.reverse().map((row) => toMessage(chatId, row));
  }

  /** The newest message of each chat that has one, in one query. */
  async lastMessages(chatIds: readonly string[]): Promise<Map<string, ChatMessage>> {
    const rows = await queryValues<[chatId: string, ...MessageValues]>(this.db, LAST_MESSAGES, [chatIds]);
    return new Map(rows.map(([chatId, ...row]) => [chatId, toMessage(chatId, row)]));
  }
}

export function toMessage(
  chatId: string,
  [seq, id, content, nonce, createdAt, senderId, username, firstName, lastName, role, dateJoined]: MessageValues,
): ChatMessage {
  const sender = { id: senderId, username, firstName, lastName, role, dateJoined };
  return { id, chatId, seq, content, nonce, createdAt, sender };
}

function toChange(chatId: string, epoch: string, row: ChangeRow): ChatEvent {
  const at = row.created_at.toISOString();
  const base = { chatId, epoch, seq: row.seq, at, actor: row.actor && toProfile(row.actor) };
  const user = toProfile(row.subject);
  return row.type === 'member_added'
    ? { ...base, type: 'member.added', member: { user, joinedAt: at } }
    : { ...base, type: 'member.removed', user };
}

/** PostgreSQL writes a JSON timestamp with its time zone's offset; on the wire it is UTC with milliseconds. */
function toProfile(json: ProfileJson): UserProfile {
  return { ...json, dateJoined: new Date(json.dateJoined).toISOString() };
}
