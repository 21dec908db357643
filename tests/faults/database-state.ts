import type { PrivatePostgres } from '../support/private-postgres.js';
import type { Head } from './clients/inbox-listener.js';
import {
  type Change,
  type ChangeKind,
  fingerprint,
  type MessageState,
  marksIn,
  type ReactionState,
} from './entries.js';

/** A change as the database holds it. A message is in its row as it is now, the other changes of it refer to that. */
export interface Row extends Change {
  chat: string;
  /** Who did it. */
  actor: string | null;
  nonce: string | null;
  /** Of a message: `fingerprint` of what it said, by revision, the present one last; null for what is not known any more. */
  versions?: (string | null)[];
}

/** A message that has replies. */
export interface ThreadRow {
  chat: string;
  root: string;
  replyCount: number;
  /** The id of the newest reply; null when all are deleted. */
  lastReply: string | null;
}

/** One user's reaction. */
export interface ReactionRow {
  message: string;
  emoji: string;
  user: string;
}

/** The state of the database after the run. */
export interface DatabaseState {
  chats: { id: string; name: string; epoch: string; lastSeq: number }[];
  /** By chat and number. */
  rows: Row[];
  threads: ThreadRow[];
  /** In the order in which the users reacted. */
  reactions: ReactionRow[];
  /** Messages whose reactions have changed since their summary. */
  unsummarised: number;
  /** The marks (`marksIn`) that are in each column of text or JSON. */
  marks: { column: string; marks: string[] }[];
}

const CHATS = 'SELECT id, name, epoch, last_seq AS "lastSeq" FROM chats ORDER BY name';

const ROWS = `
  SELECT m.chat_id AS chat, m.seq, 'message.created' AS kind, m.id AS subject, m.sender_id AS actor, m.nonce, m.content,
    m.flags & 1 <> 0 AS "isDeleted", coalesce(x.revision, 0) AS revision, x.pinned_by_id AS "pinnedBy", x.metadata, x.reactions,
    (SELECT r.id FROM messages r WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq) AS "replyTo",
    (SELECT r.id FROM messages r WHERE r.chat_id = x.chat_id AND r.seq = x.thread_root_seq) AS thread,
    (SELECT jsonb_agg(n.user_id ORDER BY n.place) FROM mentions n WHERE n.chat_id = m.chat_id AND n.message_seq = m.seq) AS mentions,
    (SELECT jsonb_object_agg(v.revision, v.content) FROM message_revisions v WHERE v.chat_id = m.chat_id AND v.seq = m.seq) AS former
  FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq
  UNION ALL
  SELECT e.chat_id, e.seq, e.kind, coalesce(m.id, e.subject_id), e.actor_id, NULL, NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM chat_events e LEFT JOIN messages m ON m.chat_id = e.chat_id AND m.seq = e.message_seq
  ORDER BY chat, seq`;

const THREADS = `SELECT t.chat_id AS chat, t.root_id AS root, t.reply_count AS "replyCount",
    (SELECT m.id FROM messages m WHERE m.chat_id = t.chat_id AND m.seq = t.last_reply_seq) AS "lastReply"
  FROM threads t ORDER BY t.chat_id, t.root_seq`;

const REACTIONS = `SELECT m.id AS message, r.emoji, r.user_id AS "user" FROM reactions r
  JOIN messages m ON m.chat_id = r.chat_id AND m.seq = r.seq ORDER BY r.at, r.user_id`;

const UNSUMMARISED = 'SELECT count(*)::int AS count FROM reaction_dirty';

const INBOXES = `SELECT m.user_id AS "user", m.chat_id AS chat, m.left_at IS NULL AS "isMember",
    CASE WHEN m.left_at IS NULL THEN c.last_seq ELSE (SELECT max(e.seq) FROM chat_events e
      WHERE e.chat_id = m.chat_id AND e.subject_id = m.user_id AND e.kind = 'member.removed') END AS seq
  FROM chat_memberships m JOIN chats c ON c.id = m.chat_id WHERE m.user_id = ANY ($1::uuid[])`;

const COLUMNS = `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
  WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY') ORDER BY 1, 2`;

interface RowOfSql {
  chat: string;
  seq: number;
  kind: ChangeKind;
  subject: string;
  actor: string | null;
  nonce: string | null;
  content: string | null;
  isDeleted: boolean;
  revision: number;
  pinnedBy: string | null;
  metadata: object | null;
  reactions: ReactionState[] | null;
  replyTo: string | null;
  thread: string | null;
  mentions: string[] | null;
  former: Record<string, string | null> | null;
}

/** Reads the tables directly, without the service. */
export async function readDatabase(postgres: PrivatePostgres, database: string): Promise<DatabaseState> {
  const chats = await readChats(postgres, database);
  const rows = await postgres.query<RowOfSql>(ROWS, [], database);
  return {
    chats,
    rows: rows.map(rowOf),
    threads: await postgres.query<ThreadRow>(THREADS, [], database),
    reactions: await postgres.query<ReactionRow>(REACTIONS, [], database),
    unsummarised: await countUnsummarised(postgres, database),
    marks: await readMarks(postgres, database),
  };
}

export function readChats(postgres: PrivatePostgres, database: string): Promise<DatabaseState['chats']> {
  return postgres.query<DatabaseState['chats'][number]>(CHATS, [], database);
}

/** Of each chat of these users, now or once, the newest change that the user may see: the chat's, or the removal. By user and chat. */
export async function readInboxes(
  postgres: PrivatePostgres,
  database: string,
  users: readonly string[],
): Promise<Map<string, Map<string, Head>>> {
  const rows = await postgres.query<Head & { user: string; chat: string }>(INBOXES, [users], database);
  const inboxes = new Map(users.map((user) => [user, new Map<string, Head>()]));
  for (const { user, chat, seq, isMember } of rows) inboxes.get(user)?.set(chat, { seq, isMember });
  return inboxes;
}

/** The number of messages whose reactions have changed since their summary. */
export async function countUnsummarised(postgres: PrivatePostgres, database: string): Promise<number> {
  const [row] = await postgres.query<{ count: number }>(UNSUMMARISED, [], database);
  return row?.count ?? 0;
}

/** Whatever tables and columns there are. */
async function readMarks(postgres: PrivatePostgres, database: string): Promise<DatabaseState['marks']> {
  const found: DatabaseState['marks'] = [];
  for (const { table, column } of await postgres.query<{ table: string; column: string }>(COLUMNS, [], database)) {
    const sql = `SELECT "${column}"::text AS text FROM "${table}" WHERE "${column}" IS NOT NULL`;
    const marks = new Set<string>();
    for (const { text } of await postgres.query<{ text: string }>(sql, [], database))
      for (const mark of marksIn(text)) marks.add(mark);
    if (marks.size > 0) found.push({ column: `${table}.${column}`, marks: [...marks] });
  }
  return found;
}

function rowOf(row: RowOfSql): Row {
  const { chat, seq, kind, subject, actor, nonce, content } = row;
  const change = { chat, seq, kind, subject, actor, nonce };
  if (content === null || actor === null) return change;
  const message = stateOf(row, actor, content);
  const versions = Array.from({ length: row.revision }, (_, revision) => fingerprintOf(row.former?.[revision]));
  return { ...change, message, versions: [...versions, row.isDeleted ? null : message.content] };
}

function stateOf(row: RowOfSql, sender: string, content: string): MessageState {
  const { isDeleted, revision, pinnedBy, metadata, reactions, replyTo, thread, mentions } = row;
  return {
    sender,
    content: fingerprint(content),
    ...(revision > 0 && { revision }),
    ...(isDeleted && { isDeleted }),
    ...(pinnedBy !== null && { pinnedBy }),
    ...(replyTo !== null && { replyTo }),
    ...(thread !== null && { thread }),
    ...(mentions !== null && { mentions }),
    ...(metadata !== null && { metadata: fingerprint(JSON.stringify(metadata)) }),
    ...(reactions !== null &&
      reactions.length > 0 && {
        reactions: reactions.map(({ emoji, count, users = [] }) => ({ emoji, count, users })),
      }),
  };
}

function fingerprintOf(content: string | null | undefined): string | null {
  return content == null ? null : fingerprint(content);
}
