import { type Database, query, queryValues } from '../database.js';
import { badInput } from '../errors.js';
import type { ChatMessage } from '../log/chat-message.js';
import { readMessagesOf } from '../log/message-rows.js';
import { isUuid } from '../text.js';

/** SQL: when the message `m` mentioned the user: when it was sent, or edited; a message that does not any more stands where it was sent. */
const AT = `coalesce(
  (SELECT max(n.at) FROM mentions n WHERE n.user_id = $1 AND n.chat_id = m.chat_id AND n.message_seq = m.seq), m.created_at) AS at`;

/** The numbers that the ids of messages end in; ids of before there were marks have an index of their own. */
const BEFORE = {
  name: 'mentions-before',
  text: `SELECT ${AT}, m.chat_id, m.seq
    FROM chat_memberships p JOIN messages m ON m.chat_id = p.chat_id AND m.seq = ('x' || right($2::text, 8))::bit(32)::int
    WHERE p.user_id = $1 AND m.id = $2::uuid
    UNION ALL SELECT ${AT}, m.chat_id, m.seq FROM messages m
    JOIN chat_memberships p ON p.chat_id = m.chat_id AND p.user_id = $1 WHERE m.id = $2::uuid AND m.mark = 0
    LIMIT 1`,
};

const PAGE = {
  name: 'mentions-page',
  text: `SELECT n.chat_id AS "chatId", n.message_seq AS seq FROM mentions n
    JOIN chat_memberships p ON p.chat_id = n.chat_id AND p.user_id = n.user_id AND p.left_at IS NULL
    WHERE n.user_id = $1 AND ($2::timestamptz IS NULL OR
      (n.at <= $2 AND (n.at, n.chat_id, n.message_seq) < ($2, $3::uuid, $4::int)))
    ORDER BY n.at DESC, n.chat_id DESC, n.message_seq DESC LIMIT $5`,
};

/** Lists the messages that mention a user by name, over all chats that the user is a member of. */
export class MentionLists {
  constructor(private readonly db: Database) {}

  /**
   * The newest `first` messages, newest first by when they mentioned the user.
   * @param before the id of the last message of the previous page
   * @throws DomainError `BAD_USER_INPUT` when that is no message of the user's chats
   */
  async page(userId: string, first: number, before: string | undefined): Promise<ChatMessage[]> {
    const start = before === undefined ? [null, null, null] : await this.placeOf(userId, before);
    const places = await query<{ chatId: string; seq: number }>(this.db, PAGE, [userId, ...start, first]);
    const messages = await readMessagesOf(this.db, places);
    const byPlace = new Map(messages.map((message) => [`${message.chatId} ${message.seq}`, message]));
    return places.flatMap(({ chatId, seq }) => byPlace.get(`${chatId} ${seq}`) ?? []);
  }

  private async placeOf(userId: string, messageId: string): Promise<[at: string, chatId: string, seq: number]> {
    const [place] = isUuid(messageId)
      ? await queryValues<[at: string, chatId: string, seq: number]>(this.db, BEFORE, [userId, messageId])
      : [];
    if (!place) throw badInput('before', 'before must be the id of the last message that you have.');
    return place;
  }
}
