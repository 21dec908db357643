import type { PlainMessage } from './chat-events.js';
import {
  type ChatHead,
  MESSAGE_COLUMNS,
  type MessageRange,
  type MessageValues,
  PLAIN_COLUMNS,
  type PlainValues,
  toMessage,
} from './chat-log.js';
import { mayReach } from './chats.js';
import { type Database, queryValues } from './database.js';
import { isUuid } from './text.js';
import { isAdmin, requireUser, type Viewer } from './viewer.js';

/** A part of a chat's history, and where the history stood when it was read. */
export interface MessagePage {
  head: ChatHead;
  /** Oldest first. */
  messages: PlainMessage[];
}

type Head = [epoch: string, lastSeq: number];
type PageRow = [...Head, ...(MessageValues | PlainValues)];
/** The one row of a chat that has no such message. */
type EmptyRow = [...Head, ...null[]];

const page = (columns: string, tables: string) => `SELECT c.epoch, c.last_seq, page.* FROM chats c LEFT JOIN LATERAL (
    SELECT ${columns} FROM ${tables}
    WHERE m.chat_id = c.id AND m.seq > $4 AND m.seq < $5 ORDER BY m.seq DESC LIMIT $6) page ON true
  WHERE c.id = $1 AND ${mayReach('$2', '$3')}`;

const PAGE = { name: 'messages-page', text: page(MESSAGE_COLUMNS, 'messages m JOIN users u ON u.id = m.sender_id') };
const PLAIN_PAGE = { name: 'messages-page-plain', text: page(PLAIN_COLUMNS, 'messages m') };

/** Reads histories as clients page through them: whether the viewer may, and the page, in one statement and of one moment. */
export class MessagePages {
  constructor(private readonly db: Database) {}

  /**
   * The newest `last` messages of a range; undefined for no chat and for a chat of others. `senders` reads who sent them too:
   * half of PostgreSQL's work for a page.
   */
  async read(
    viewer: Viewer | null,
    chatId: string,
    { before = 2 ** 31 - 1, after = 0, last }: MessageRange,
    { senders }: { senders: boolean },
  ): Promise<MessagePage | undefined> {
    const user = requireUser(viewer);
    if (!isUuid(chatId)) return undefined;
    const id = chatId.toLowerCase();
    const values = [id, user.id, isAdmin(viewer), after, before, last];
    const rows = await queryValues<PageRow | EmptyRow>(this.db, senders ? PAGE : PLAIN_PAGE, values);
    const [first] = rows;
    if (!first) return undefined;
    const [epoch, seq] = first;
    const messages = rows.filter(hasMessage).map(([, , ...message]) => toPlainMessage(id, message));
    // The order of a join is not promised, and to ask PostgreSQL for it costs more than this.
    messages.sort((one, other) => one.seq - other.seq);
    return { head: { chatId: id, epoch, seq }, messages };
  }
}

function hasMessage(row: PageRow | EmptyRow): row is PageRow {
  return row[2] !== null;
}

function toPlainMessage(chatId: string, values: MessageValues | PlainValues): PlainMessage {
  // Of six values none is the sender's.
  if (values.length !== 6) return toMessage(chatId, values);
  const [seq, id, content, nonce, createdAt, senderId] = values;
  return { id, chatId, seq, content, nonce, createdAt, sender: { id: senderId } };
}
