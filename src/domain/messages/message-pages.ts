import type { DirectReads } from '../chats/direct-reads.js';
import { type AdminReading, kindsReadAsAdmin, mayReadSql } from '../chats/rights.js';
import { type Database, queryValues } from '../database.js';
import type { ChatHead, MessageRange } from '../log/chat-log.js';
import type { PlainMessage } from '../log/chat-message.js';
import { readMessages } from '../log/full-messages.js';
import {
  isFlagged,
  MESSAGE_COLUMNS,
  type MessageValues,
  PLAIN_COLUMNS,
  type PlainValues,
  toMessage,
} from '../log/message-columns.js';
import { OFF_TIMELINE } from '../log/message-flags.js';
import { readTimeline, windowStart, windowStartSql } from '../log/timeline.js';
import { isUuid } from '../text.js';
import { reaches, userOf, type Viewer } from '../viewer.js';

/** Messages of a chat, and the chat's head, both of the same moment. */
export interface MessagePage {
  head: ChatHead;
  /** Oldest first. */
  messages: PlainMessage[];
}

/** The row that carries the head: `seq` and `epoch` in the columns of a message's number and content. */
type HeadRow = [seq: number, id: null, epoch: string, ...null[]];
type MessageRow = PlainValues | MessageValues;

/** The head is a row of its own: repeated in each of 50 rows, it made the result a fifth larger and cost 6 % of CPU per page. */
const page = (columns: string, tables: string) => `WITH chat AS (
    SELECT c.id, c.epoch, c.last_seq FROM chats c WHERE c.id = $1 AND ${mayReadSql('$2', '$3')})
  SELECT last_seq, NULL, epoch${', NULL'.repeat(columns.split(',').length - 3)} FROM chat
  UNION ALL SELECT page.* FROM chat CROSS JOIN LATERAL (
    SELECT ${columns} FROM ${tables}
    WHERE m.chat_id = chat.id AND m.seq > ${windowStartSql('$4::int', 'least($5::int, chat.last_seq + 1)')} AND m.seq < $5::int AND m.flags & $7 = 0 ORDER BY m.seq DESC LIMIT $6) page`;

const PAGE = { name: 'messages-page', text: page(MESSAGE_COLUMNS, 'messages m JOIN users u ON u.id = m.sender_id') };
const PLAIN_PAGE = { name: 'messages-page-plain', text: page(PLAIN_COLUMNS, 'messages m') };

/** Reads pages of a chat's history. One statement checks access and reads the page, in one snapshot. */
export class MessagePages {
  constructor(
    private readonly db: Database,
    private readonly adminReading: AdminReading,
    private readonly directReads: DirectReads,
  ) {}

  /**
   * The newest `last` messages of a range. Undefined when the chat does not exist or the viewer may not read it.
   * @param senders whether to read the senders' profiles too, which is half of PostgreSQL's work for a page
   */
  async read(
    viewer: Viewer | null,
    chatId: string,
    { before = 2 ** 31 - 1, after = 0, last, without = OFF_TIMELINE }: MessageRange,
    { senders }: { senders: boolean },
  ): Promise<MessagePage | undefined> {
    const user = userOf(viewer);
    if (!isUuid(chatId) || !reaches(viewer, chatId)) return undefined;
    const id = chatId.toLowerCase();
    const kinds = kindsReadAsAdmin(viewer, this.adminReading);
    const values = [id, user.id, kinds, after, before, last, without];
    let head: ChatHead | undefined;
    let rows: MessageRow[] = [];
    for (const row of await queryValues<HeadRow | MessageRow>(this.db, senders ? PAGE : PLAIN_PAGE, values)) {
      if (isHead(row)) head = { chatId: id, epoch: row[2], seq: row[0] };
      else rows.push(row);
    }
    if (head) await this.directReads.note(viewer, [id]);
    const end = Math.min(before, (head?.seq ?? 0) + 1);
    if (rows.length < last && windowStart(after, end) > after)
      rows = await readTimeline(this.db, id, { after, before: end, last, without });
    const messages = rows.map((row) => toPlainMessage(id, row));
    const flagged = rows.filter(isFlagged).map(([seq]) => seq);
    if (flagged.length > 0) {
      const read = await readMessages(this.db, id, flagged);
      for (const [index, message] of messages.entries()) messages[index] = read.get(message.seq) ?? message;
    }
    // UNION ALL and joins promise no order, and ORDER BY in PostgreSQL costs more than sorting here.
    messages.sort((one, other) => one.seq - other.seq);
    return head && { head, messages };
  }
}

function isHead(row: HeadRow | MessageRow): row is HeadRow {
  return row[1] === null;
}

function toPlainMessage(chatId: string, values: MessageRow): PlainMessage {
  // Seven values: the row has no sender's columns.
  if (values.length !== 7) return toMessage(chatId, values);
  const [seq, id, content, nonce, createdAt, senderId] = values;
  return { id, chatId, seq, content, nonce, createdAt, sender: { id: senderId } };
}
