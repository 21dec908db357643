import { type Database, query, queryValues } from '../database.js';
import { cursorReset } from '../errors.js';
import { isUuid } from '../text.js';
import { readChanges } from './changes.js';
import {
  type ChatEvent,
  type KnownEntry,
  mayEndStreams,
  messageEntry,
  messageOf,
  sizeOfEvent,
  toEvent,
} from './chat-events.js';
import type { ChatMessage } from './chat-message.js';
import type { Cursor } from './cursor.js';
import { BadEntry } from './events/kind.js';
import { readMessages, readMessagesAsOf, readMessagesById, readMessagesOf } from './full-messages.js';
import { isFlagged, MESSAGE_COLUMNS, type MessageValues, toMessage } from './message-columns.js';
import { MESSAGE_FLAGS, OFF_TIMELINE } from './message-flags.js';
import { readTimeline, windowStart } from './timeline.js';

/** A chat's epoch and its newest number. */
export interface ChatHead extends Cursor {
  chatId: string;
}

/** The head of a log that may have ended: with it, when the chat was deleted. */
export interface LogHead extends ChatHead {
  isDeleted?: boolean;
}

/** All changes after one number, up to and including `upTo`. */
export interface LogPage {
  events: readonly ChatEvent[];
  upTo: number;
}

export interface ReadPage extends LogPage {
  /**
   * The chat's newest number when messages with extras were read: the page shows them after the change of this number and before
   * the next. A message without extras may have got some since.
   */
  asOf: number;
}

export interface MessageRange {
  /** Only messages with a number below this. */
  before?: number | undefined;
  /** Only messages with a number above this. */
  after?: number | undefined;
  /** At most this many messages: the newest of the range. */
  last: number;
  /** Leaves out messages with one of these flags; default: those that the main timeline leaves out. */
  without?: number | undefined;
}

// Both bounds are always given, so that PostgreSQL scans the primary key (chat_id, seq) from one of them, however old the page is.
const NEWEST_MESSAGES = {
  name: 'messages-newest',
  text: `SELECT ${MESSAGE_COLUMNS} FROM messages m JOIN users u ON u.id = m.sender_id
    WHERE m.chat_id = $1 AND m.seq > $2 AND m.seq < $3 AND m.flags & $5 = 0 ORDER BY m.seq DESC LIMIT $4`,
};

/** A page ends with the message that brings its contents to this many bytes. */
const PAGE_BYTES = 256 * 1024;

// `octet_length` does not read the content.
const MESSAGES_UP = {
  name: 'messages-up',
  text: `SELECT ${MESSAGE_COLUMNS} FROM (
      SELECT *, sum(octet_length(content)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - octet_length(content) AS bytes_before
      FROM (SELECT * FROM messages WHERE chat_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4) page) m
    JOIN users u ON u.id = m.sender_id WHERE m.bytes_before < ${PAGE_BYTES} ORDER BY m.seq`,
};

const LAST_MESSAGES = {
  name: 'messages-last-of-chats',
  text: `SELECT m.chat_id, ${MESSAGE_COLUMNS} FROM unnest($1::uuid[]) AS wanted (chat_id)
    CROSS JOIN LATERAL (
      SELECT n.seq, n.flags FROM messages n WHERE n.chat_id = wanted.chat_id ORDER BY n.seq DESC LIMIT 1) newest
    JOIN messages m ON m.chat_id = wanted.chat_id AND m.seq = CASE WHEN newest.flags & ${OFF_TIMELINE} = 0 THEN newest.seq
      ELSE (SELECT * FROM timeline_seqs(wanted.chat_id, 0, newest.seq + 1, 1, ${OFF_TIMELINE})) END
    JOIN users u ON u.id = m.sender_id`,
};

const REPLIES = {
  name: 'messages-of-thread',
  text: `SELECT ${MESSAGE_COLUMNS} FROM message_extras x
    JOIN messages m ON m.chat_id = x.chat_id AND m.seq = x.seq JOIN users u ON u.id = m.sender_id
    WHERE x.chat_id = $1 AND x.thread_root_seq = $2 AND x.seq > $3 AND x.seq < $4 AND m.flags & $6 = 0 ORDER BY x.seq DESC LIMIT $5`,
};

const SEQ_OF = { name: 'message-seq-of', text: 'SELECT message_seq_of($1, $2)' };

const HEADS = {
  name: 'chat-heads',
  text: 'SELECT id AS "chatId", epoch, last_seq AS seq FROM chats WHERE id = ANY($1::uuid[])',
};

/** Reads chats' histories without an access check. `Chats` has that. */
export class ChatLog {
  constructor(private readonly db: Database) {}

  /** The heads of the chats that exist, in any order, in one query. */
  heads(chatIds: readonly string[]): Promise<ChatHead[]> {
    return query<ChatHead>(this.db, HEADS, [chatIds]);
  }

  /**
   * The changes with a number above `after` and up to `head`, oldest first: at most `limit`, and fewer when they are long. `head`
   * must have been read from the chat: all numbers up to it are committed, so the page has no gap.
   */
  async page({ chatId, epoch, seq: head }: ChatHead, after: number, limit: number): Promise<ReadPage> {
    // Numbers are dense, so `limit` of them bound both tables of the log.
    const upTo = Math.min(head, after + limit);
    if (upTo <= after) return { events: [], upTo: after, asOf: head };
    const range = [chatId, after, upTo, limit];
    const [messages, changes] = await Promise.all([
      queryValues<MessageValues>(this.db, MESSAGES_UP, range),
      readChanges(this.db, { chatId, epoch }, range),
    ]);
    const flagged = messages.filter(isFlagged).map(([seq]) => seq);
    const changed = changes.map(({ messageSeq }) => messageSeq).filter((seq) => seq !== null);
    const { messages: read, asOf = head } = await readMessagesAsOf(this.db, chatId, [
      ...new Set([...flagged, ...changed]),
    ]);
    const events: ChatEvent[] = messages.map((row) =>
      toEvent(messageEntry(epoch, read.get(row[0]) ?? toMessage(chatId, row))),
    );
    if (changes.length > 0) {
      for (const { entry, messageSeq } of changes) {
        const message = messageSeq === null ? undefined : read.get(messageSeq);
        const event = readableEvent({ ...entry, ...(message && { message }) });
        if (event) events.push(event);
      }
      events.sort((one, other) => one.seq - other.seq);
    }
    return { ...cutPage(events, messages, upTo), asOf };
  }

  /**
   * One event, as it is now.
   * @throws DomainError `CURSOR_RESET` when the chat has another history, or no such event that this version knows
   */
  async event({ chatId, epoch, seq }: ChatHead): Promise<ChatEvent> {
    const [head] = await this.heads([chatId]);
    if (head?.epoch !== epoch) throw cursorReset();
    const [event] = (await this.page({ chatId, epoch, seq }, seq - 1, 1)).events;
    if (!event) throw cursorReset();
    return event;
  }

  /** The newest `last` messages of a range, oldest first. */
  async messages(
    chatId: string,
    { before = 2 ** 31 - 1, after = 0, last, without = OFF_TIMELINE }: MessageRange,
  ): Promise<ChatMessage[]> {
    const start = windowStart(after, before);
    const rows = await queryValues<MessageValues>(this.db, NEWEST_MESSAGES, [chatId, start, before, last, without]);
    if (rows.length === last || start === after) return withExtras(this.db, chatId, rows.reverse());
    return withExtras(this.db, chatId, await readTimeline(this.db, chatId, { after, before, last, without }));
  }

  /** The number of the message with this id; undefined when the chat has none. */
  async seqOf(chatId: string, messageId: string): Promise<number | undefined> {
    if (!isUuid(messageId)) return undefined;
    const [row] = await queryValues<[seq: number | null]>(this.db, SEQ_OF, [chatId, messageId]);
    return row?.[0] ?? undefined;
  }

  /** The newest `last` replies of a range in the thread of a message, oldest first. */
  async replies(
    chatId: string,
    rootSeq: number,
    { before = 2 ** 31 - 1, after = 0, last, without = MESSAGE_FLAGS.deleted }: MessageRange,
  ): Promise<ChatMessage[]> {
    const values = [chatId, rootSeq, after, before, last, without];
    const rows = await queryValues<MessageValues>(this.db, REPLIES, values);
    return withExtras(this.db, chatId, rows.reverse());
  }

  /** The messages at these places, in their order; null where there is none. One query. */
  async messagesAt(places: readonly { chatId: string; seq: number }[]): Promise<(ChatMessage | null)[]> {
    const read = await readMessagesOf(this.db, places);
    const byPlace = new Map(read.map((message) => [`${message.chatId} ${message.seq}`, message]));
    return places.map(({ chatId, seq }) => byPlace.get(`${chatId} ${seq}`) ?? null);
  }

  /** The messages with these ids in these chats, in their order; null where there is none. One query. */
  async messagesById(wanted: readonly { chatId: string; id: string }[]): Promise<(ChatMessage | null)[]> {
    const read = await readMessagesById(this.db, wanted);
    const byId = new Map(read.map((message) => [`${message.chatId} ${message.id}`, message]));
    return wanted.map(({ chatId, id }) => byId.get(`${chatId} ${id}`) ?? null);
  }

  /** The newest message of each chat that has one, in one query. */
  async lastMessages(chatIds: readonly string[]): Promise<Map<string, ChatMessage>> {
    const rows = await queryValues<[chatId: string, ...MessageValues]>(this.db, LAST_MESSAGES, [chatIds]);
    const flagged = rows.filter(([, ...row]) => isFlagged(row)).map(([chatId, seq]) => ({ chatId, seq }));
    const read = await readMessagesOf(this.db, flagged);
    const newest = new Map(rows.map(([chatId, ...row]) => [chatId, toMessage(chatId, row)]));
    for (const message of read) newest.set(message.chatId, message);
    return newest;
  }
}

/** The messages of these rows. Those that are not plain are read, in one query for all. */
async function withExtras(db: Database, chatId: string, rows: readonly MessageValues[]): Promise<ChatMessage[]> {
  const read = await readMessages(
    db,
    chatId,
    rows.filter(isFlagged).map(([seq]) => seq),
  );
  return rows.map((row) => read.get(row[0]) ?? toMessage(chatId, row));
}

/**
 * Undefined for a change that this version cannot show: it lacks a row, or a newer version wrote it with other facts. A client
 * cannot be told of it, but of one that ends its stream it has to be.
 * @throws BadEntry for a change that ends streams
 */
function readableEvent(entry: KnownEntry): ChatEvent | undefined {
  try {
    return toEvent(entry);
  } catch (error) {
    if (error instanceof BadEntry && !mayEndStreams(entry.type)) return undefined;
    throw error;
  }
}

/** Ends the page with the last message of a full one, and no later than with the event that brings it to its size. */
function cutPage(events: readonly ChatEvent[], messages: readonly MessageValues[], upTo: number): LogPage {
  const end = endOf(messages) ?? upTo;
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    if (event.seq > end) return { events: events.slice(0, index), upTo: end };
    bytes += event.type === 'chat.updated' ? sizeOfEvent(event) : Buffer.byteLength(messageOf(event)?.content ?? '');
    if (bytes >= PAGE_BYTES) return { events: events.slice(0, index + 1), upTo: event.seq };
  }
  return { events, upTo: end };
}

/** The number of the last message of a full page; undefined when the page is not full. */
function endOf(messages: readonly MessageValues[]): number | undefined {
  let bytes = 0;
  for (const [, , content] of messages) bytes += Buffer.byteLength(content);
  return bytes >= PAGE_BYTES ? messages.at(-1)?.[0] : undefined;
}
