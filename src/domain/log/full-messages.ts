import { type Database, queryValues } from '../database.js';
import type { Metadata } from '../metadata.js';
import type { UserProfile } from '../profile.js';
import type { ChatMessage, MessageExtras, ReactionSummary } from './chat-message.js';
import { isFlagged, MESSAGE_COLUMNS, type MessageValues, toMessage } from './message-columns.js';
import { profileOfJson } from './message-rows.js';

/**
 * What a message has beside `MESSAGE_COLUMNS`, from `messages m` and `message_extras x`: the same as `messages_as_json`. As columns, a page of
 * 50 such messages takes half of PostgreSQL's time. Users are looked up one by one: a join may read all users up to the newest of them.
 */
const EXTRA_COLUMNS = `x.revision, x.edited_at, x.deleted_at,
  (SELECT r.id FROM messages r WHERE r.chat_id = x.chat_id AND r.seq = x.reply_to_seq), x.reply_to_seq,
  (SELECT t.root_id FROM threads t WHERE t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq), x.thread_root_seq, x.also_in_chat,
  (SELECT json_agg((SELECT profile_as_json(named) FROM users named WHERE named.id = n.user_id) ORDER BY n.place) FROM mentions n
    WHERE n.chat_id = m.chat_id AND n.message_seq = m.seq),
  x.mention_all, x.metadata, x.reactions, x.pinned_at, (SELECT profile_as_json(p) FROM users p WHERE p.id = x.pinned_by_id)`;

/** The values of `EXTRA_COLUMNS`; all are null for a plain message. */
type ExtraValues = [
  revision: number | null,
  editedAt: string | null,
  deletedAt: string | null,
  replyToId: string | null,
  replyToSeq: number | null,
  rootId: string | null,
  rootSeq: number | null,
  alsoInChat: boolean | null,
  mentions: readonly UserProfile[] | null,
  mentionsAll: boolean | null,
  metadata: Metadata | null,
  reactions: readonly ReactionSummary[] | null,
  pinnedAt: string | null,
  pinnedBy: UserProfile | null,
];

type FullValues = [chatId: string, ...MessageValues, ...ExtraValues];

const FULL_COLUMNS = `m.chat_id, ${MESSAGE_COLUMNS}, ${EXTRA_COLUMNS}`;
/** Behind the places that are wanted. */
const FULL_TABLES = `JOIN messages m ON m.chat_id = wanted.chat_id AND m.seq = wanted.seq JOIN users u ON u.id = m.sender_id
    LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq`;

const MESSAGES = {
  name: 'messages-full',
  text: `SELECT ${FULL_COLUMNS} FROM unnest($1::uuid[], $2::int[]) AS wanted (chat_id, seq) ${FULL_TABLES}`,
};
const MESSAGES_AS_OF = {
  name: 'messages-full-as-of',
  text: `SELECT (SELECT last_seq FROM chats WHERE id = $3), ${FULL_COLUMNS}
    FROM unnest($1::uuid[], $2::int[]) AS wanted (chat_id, seq) ${FULL_TABLES}`,
};
const MESSAGES_BY_ID = {
  name: 'messages-full-by-id',
  text: `SELECT ${FULL_COLUMNS} FROM (
      SELECT asked.chat_id, message_seq_of(asked.chat_id, asked.id) AS seq
      FROM unnest($1::uuid[], $2::uuid[]) AS asked (chat_id, id) OFFSET 0) wanted ${FULL_TABLES}`,
};

/** The messages of a chat that have these numbers, by number, each with its extras. One query; none for no numbers. */
export async function readMessages(
  db: Database,
  chatId: string,
  seqs: readonly number[],
): Promise<Map<number, ChatMessage>> {
  const messages = await readMessagesOf(
    db,
    seqs.map((seq) => ({ chatId, seq })),
  );
  return new Map(messages.map((message) => [message.seq, message]));
}

/**
 * The messages of a chat that have these numbers, by number, and the chat's newest number at the moment for which they were read. One
 * query; for no numbers, none and no moment.
 */
export async function readMessagesAsOf(
  db: Database,
  chatId: string,
  seqs: readonly number[],
): Promise<{ messages: Map<number, ChatMessage>; asOf: number | undefined }> {
  if (seqs.length === 0) return { messages: new Map(), asOf: undefined };
  const values = [seqs.map(() => chatId), seqs, chatId];
  const rows = await queryValues<[asOf: number, ...FullValues]>(db, MESSAGES_AS_OF, values);
  const messages = rows.map(([, ...row]) => toFullMessage(row));
  return { messages: new Map(messages.map((message) => [message.seq, message])), asOf: rows[0]?.[0] };
}

/** The messages at these places of several chats, in no order. */
export async function readMessagesOf(
  db: Database,
  wanted: readonly { chatId: string; seq: number }[],
): Promise<ChatMessage[]> {
  if (wanted.length === 0) return [];
  const values = [wanted.map(({ chatId }) => chatId), wanted.map(({ seq }) => seq)];
  return (await queryValues<FullValues>(db, MESSAGES, values)).map(toFullMessage);
}

/** The messages with these ids in these chats, in no order. */
export async function readMessagesById(
  db: Database,
  wanted: readonly { chatId: string; id: string }[],
): Promise<ChatMessage[]> {
  const values = [wanted.map(({ chatId }) => chatId), wanted.map(({ id }) => id)];
  return (await queryValues<FullValues>(db, MESSAGES_BY_ID, values)).map(toFullMessage);
}

function toFullMessage([chatId, ...values]: FullValues): ChatMessage {
  const message = toMessage(chatId, values);
  return isFlagged(values) ? { ...message, ...shown(message.nonce, extrasOf(values)) } : message;
}

/** A deleted message shows its nonce to nobody. */
function shown(nonce: string | null, extras: MessageExtras) {
  return { nonce: extras.deletedAt === null ? nonce : null, extras };
}

function extrasOf([, , , , , , , , , , , , , ...values]: [...MessageValues, ...ExtraValues]): MessageExtras {
  const [revision, editedAt, deletedAt, replyToId, replyToSeq, rootId, rootSeq, alsoInChat, ...rest] = values;
  const [mentions, mentionsAll, metadata, reactions, pinnedAt, pinnedBy] = rest;
  return {
    revision: revision ?? 0,
    editedAt,
    deletedAt,
    replyTo: replyToId === null || replyToSeq === null ? null : { id: replyToId, seq: replyToSeq },
    thread: rootId === null || rootSeq === null ? null : { rootId, rootSeq, alsoInChat: alsoInChat ?? false },
    mentions: mentions?.map(profileOfJson) ?? [],
    mentionsAll: mentionsAll ?? false,
    metadata,
    reactions: reactions ?? [],
    pinnedAt,
    pinnedBy: pinnedBy && profileOfJson(pinnedBy),
  };
}
