import type { ChatMessage } from './chat-events.js';
import { type ChatHead, MESSAGE_COLUMNS, type MessageRange, type MessageValues, toMessage } from './chat-log.js';
import { mayReach } from './chats.js';
import { type Database, queryValues } from './database.js';
import { isUuid } from './text.js';
import { isAdmin, requireUser, type Viewer } from './viewer.js';

/** A part of a chat's history, and where the history stood when it was read. */
export interface MessagePage {
  head: ChatHead;
  /** Oldest first. */
  messages: ChatMessage[];
}

type PageRow = [epoch: string, lastSeq: number, ...MessageValues];
/** The one row of a chat that has no such message. */
type EmptyRow = [epoch: string, lastSeq: number, ...null[]];

const PAGE = {
  name: 'messages-page',
  text: `SELECT c.epoch, c.last_seq, page.* FROM chats c LEFT JOIN LATERAL (
      SELECT ${MESSAGE_COLUMNS} FROM messages m JOIN users u ON u.id = m.sender_id
      WHERE m.chat_id = c.id AND m.seq > $4 AND m.seq < $5 ORDER BY m.seq DESC LIMIT $6) page ON true
    WHERE c.id = $1 AND ${mayReach('$2', '$3')}`,
};

/** Reads histories as clients page through them: whether the viewer may, and the page, in one statement and of one moment. */
export class MessagePages {
  constructor(private readonly db: Database) {}

  /** The newest `last` messages of a range; undefined for no chat and for a chat of others. */
  async read(
    viewer: Viewer | null,
    chatId: string,
    { before = 2 ** 31 - 1, after = 0, last }: MessageRange,
  ): Promise<MessagePage | undefined> {
    const user = requireUser(viewer);
    if (!isUuid(chatId)) return undefined;
    const id = chatId.toLowerCase();
    const values = [id, user.id, isAdmin(viewer), after, before, last];
    const rows = await queryValues<PageRow | EmptyRow>(this.db, PAGE, values);
    const [first] = rows;
    if (!first) return undefined;
    const [epoch, seq] = first;
    const messages = rows.filter(hasMessage).map(([, , ...message]) => toMessage(id, message));
    // The order of a join is not promised, and to ask PostgreSQL for it costs more than this.
    messages.sort((one, other) => one.seq - other.seq);
    return { head: { chatId: id, epoch, seq }, messages };
  }
}

function hasMessage(row: PageRow | EmptyRow): row is PageRow {
  return row[2] !== null;
}
