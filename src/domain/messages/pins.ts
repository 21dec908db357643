import { type Database, query } from '../database.js';
import { badInput } from '../errors.js';
import { type ChatMessage, extrasOf } from '../log/chat-message.js';
import { type MessageRow, messageOfJson } from '../log/message-rows.js';

export interface PinPage {
  /** At most this many. */
  first: number;
  /** Only messages that were pinned before this one, by its id. */
  after?: string | undefined;
}

const PINNED_AT = {
  name: 'message-pinned-at',
  text: `SELECT x.pinned_at AS "pinnedAt" FROM message_extras x
    WHERE x.chat_id = $1 AND x.seq = message_seq_of($1, $2) AND x.pinned_at IS NOT NULL`,
};

const PINS = {
  name: 'chat-pins',
  text: `SELECT j.* FROM (SELECT array_agg(p.chat_id) AS chat_ids, array_agg(p.seq) AS seqs FROM (
      SELECT x.chat_id, x.seq FROM message_extras x
      WHERE x.chat_id = $1 AND x.pinned_at < coalesce($2::timestamptz, 'infinity') ORDER BY x.pinned_at DESC LIMIT $3) p) pinned
    CROSS JOIN LATERAL messages_as_json(pinned.chat_ids, pinned.seqs) j`,
};

/** Lists the pinned messages of chats. Callers check access first (`Chats`). */
export class Pins {
  constructor(private readonly db: Database) {}

  /**
   * The pinned messages of a chat, the newest pin first.
   * @throws DomainError `BAD_USER_INPUT`, field `after`, when that message is not pinned in the chat (any more)
   */
  async list(chatId: string, { first, after }: PinPage): Promise<ChatMessage[]> {
    const before = after === undefined ? null : await this.pinnedAt(chatId, after);
    const rows = await query<MessageRow>(this.db, PINS, [chatId, before, first]);
    return rows.map(messageOfJson).sort(byNewestPin);
  }

  private async pinnedAt(chatId: string, messageId: string): Promise<Date> {
    const [pin] = await query<{ pinnedAt: Date }>(this.db, PINNED_AT, [chatId, messageId]);
    if (!pin) throw badInput('after', 'after must be the id of a pinned message of this chat.');
    return pin.pinnedAt;
  }
}

/** No two pins of a chat have the same time (prisma/functions/set_pin.sql). */
function byNewestPin(one: ChatMessage, other: ChatMessage): number {
  const [at, otherAt] = [extrasOf(one).pinnedAt ?? '', extrasOf(other).pinnedAt ?? ''];
  return at < otherAt ? 1 : -1;
}
