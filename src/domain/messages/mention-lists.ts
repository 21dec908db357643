import { type Database, query, queryValues } from '../database.js';
import { badInput } from '../errors.js';
import type { ChatMessage } from '../log/chat-message.js';
import { readMessagesOf } from '../log/full-messages.js';
import { isUuid } from '../text.js';

/**
 * Where a message is in the list: after a page that ended with it, the next one begins there. When the mention is gone by now, it began
 * with the message or with one of its edits: the page begins at the newest edit, which may repeat some but leaves none out.
 * Ids of messages end in their numbers; those of before there were marks have an index of their own.
 */
const BEFORE = {
  name: 'mentions-before',
  text: `WITH place AS (
      SELECT m.chat_id, m.seq, m.created_at
      FROM chat_memberships p JOIN messages m ON m.chat_id = p.chat_id AND m.seq = ('x' || right($2::text, 8))::bit(32)::int
      WHERE p.user_id = $1 AND m.id = $2::uuid
      UNION ALL SELECT m.chat_id, m.seq, m.created_at FROM messages m
      JOIN chat_memberships p ON p.chat_id = m.chat_id AND p.user_id = $1 WHERE m.id = $2::uuid AND m.mark = 0
      LIMIT 1)
    SELECT coalesce(
        (SELECT max(n.at) FROM mentions n WHERE n.user_id = $1 AND n.chat_id = place.chat_id AND n.message_seq = place.seq),
        x.edited_at, place.created_at) AS at,
      place.chat_id, place.seq
    FROM place LEFT JOIN message_extras x ON x.chat_id = place.chat_id AND x.seq = place.seq`,
};

const PAGE = {
  name: 'mentions-page',
  text: `SELECT n.chat_id AS "chatId", n.message_seq AS seq FROM mentions n
    JOIN chat_memberships p ON p.chat_id = n.chat_id AND p.user_id = n.user_id AND p.left_at IS NULL
    WHERE n.user_id = $1 AND ($2::timestamptz IS NULL OR
      (n.at <= $2 AND (n.at, n.chat_id, n.message_seq) < ($2, $3::uuid, $4::int)))
      AND ($6::uuid[] IS NULL OR n.chat_id = ANY ($6))
      AND (SELECT m.sender_id FROM messages m WHERE m.chat_id = n.chat_id AND m.seq = n.message_seq)
        <> ALL (ARRAY(SELECT b.blocked_id FROM user_blocks b WHERE b.user_id = $1))
      AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = n.chat_id)
    ORDER BY n.at DESC, n.chat_id DESC, n.message_seq DESC LIMIT $5`,
};

/**
 * Lists the messages that mention a user by name, over all chats that the user is a member of. Not those of somebody whom the user has
 * blocked.
 */
export class MentionLists {
  constructor(private readonly db: Database) {}

  /**
   * The newest `first` messages, newest first by when they mentioned the user.
   * @param before the id of the last message of the previous page
   * @param chats of these chats only; undefined for all
   * @throws DomainError `BAD_USER_INPUT` when that is no message of the user's chats
   */
  async page(
    userId: string,
    first: number,
    before: string | undefined,
    chats?: ReadonlySet<string>,
  ): Promise<ChatMessage[]> {
    const start = before === undefined ? [null, null, null] : await this.placeOf(userId, before, chats);
    const places = await query<{ chatId: string; seq: number }>(this.db, PAGE, [
      ...[userId, ...start, first],
      chats ? [...chats] : null,
    ]);
    const messages = await readMessagesOf(this.db, places);
    const byPlace = new Map(messages.map((message) => [`${message.chatId} ${message.seq}`, message]));
    return places.flatMap(({ chatId, seq }) => byPlace.get(`${chatId} ${seq}`) ?? []);
  }

  private async placeOf(
    userId: string,
    messageId: string,
    chats: ReadonlySet<string> | undefined,
  ): Promise<[at: string, chatId: string, seq: number]> {
    const [place] = isUuid(messageId)
      ? await queryValues<[at: string, chatId: string, seq: number]>(this.db, BEFORE, [userId, messageId])
      : [];
    if (!place || !(chats?.has(place[1]) ?? true))
      throw badInput('before', 'before must be the id of the last message that you have.');
    return place;
  }
}
