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

/** Where the history stands comes as a row of its own, in the places of a message's number and content. */
type HeadRow = [seq: number, id: null, epoch: string, ...null[]];
type MessageRow = PlainValues | MessageValues;

/** With the head in each of 50 rows there was a fifth more to send and to read: 6 % of CPU per page. */
const page = (columns: string, tables: string) => `WITH chat AS (
    SELECT c.id, c.epoch, c.last_seq FROM chats c WHERE c.id = $1 AND ${mayReach('$2', '$3')})
  SELECT last_seq, NULL, epoch${', NULL'.repeat(columns.split(',').length - 3)} FROM chat
  UNION ALL SELECT page.* FROM chat CROSS JOIN LATERAL (
    SELECT ${columns} FROM ${tables}
    WHERE m.chat_id = chat.id AND m.seq > $4 AND m.seq < $5 ORDER BY m.seq DESC LIMIT $6) page`;

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
    let head: ChatHead | undefined;
    const messages: PlainMessage[] = [];
    for (const row of await queryValues<HeadRow | MessageRow>(this.db, senders ? PAGE : PLAIN_PAGE, values)) {
      if (isHead(row)) head = { chatId: id, epoch: row[2], seq: row[0] };
      else messages.push(toPlainMessage(id, row));
    }
    // The order of a union and of a join is not promised, and to ask PostgreSQL for it costs more than this.
    messages.sort((one, other) => one.seq - other.seq);
    return head && { head, messages };
  }
}

function isHead(row: HeadRow | MessageRow): row is HeadRow {
  return row[1] === null;
}

function toPlainMessage(chatId: string, values: MessageRow): PlainMessage {
  // Of six values none is the sender's.
  if (values.length !== 6) return toMessage(chatId, values);
  const [seq, id, content, nonce, createdAt, senderId] = values;
  return { id, chatId, seq, content, nonce, createdAt, sender: { id: senderId } };
}
