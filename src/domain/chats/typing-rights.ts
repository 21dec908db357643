import type { ChatKind } from '../chat-kind.js';
import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import { batched } from '../queues/batched.js';
import { canonicalId } from '../text.js';
import { isAdmin, requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './rights.js';

interface Writer {
  chatId: string;
  userId: string;
}

/** No role for a user who is no member. */
interface WriterRow {
  kind: ChatKind;
  role: ChatRole | null;
  isMuted: boolean | null;
}

// A subquery of one row: a join may look at all members of the chat.
const WRITERS = {
  name: 'chat-writers',
  text: `SELECT asked.place::int, c.kind, m.role, m.muted_until > now() AS "isMuted"
    FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (chat_id, user_id, place)
    JOIN chats c ON c.id = asked.chat_id
    LEFT JOIN LATERAL (
      SELECT role, muted_until FROM chat_memberships
      WHERE chat_id = asked.chat_id AND user_id = asked.user_id AND left_at IS NULL LIMIT 1) m ON true`,
};

/** Says who may tell a chat that they are typing: who may send a message to it. */
export class TypingRights {
  private readonly writers = batched((asked: readonly Writer[]) => this.read(asked));

  constructor(private readonly db: Database) {}

  /**
   * Returns the chat's id as PostgreSQL writes it.
   * @throws DomainError `NOT_FOUND` for no such chat, and for who is neither a member nor, in a group chat, an admin; `FORBIDDEN`, rule `chat.role`, for
   * a role that may not send; `FORBIDDEN`, rule `member.muted`
   */
  async require(viewer: Viewer, chat: string): Promise<string> {
    const chatId = canonicalId(chat);
    const { id: userId } = requireUserIn(viewer, chat);
    const writer = chatId !== undefined && (await this.writers.add({ chatId, userId }));
    if (chatId === undefined || !writer) throw chatNotFound();
    requireAction(viewer, { kind: writer.kind, role: writer.role ?? undefined }, 'send');
    if (writer.isMuted && !isAdmin(viewer)) throw muted();
    return chatId;
  }

  private async read(asked: readonly Writer[]): Promise<(WriterRow | null)[]> {
    const values = [asked.map(({ chatId }) => chatId), asked.map(({ userId }) => userId)];
    const writers: (WriterRow | null)[] = asked.map(() => null);
    for (const { place, ...row } of await query<WriterRow & { place: number }>(this.db, WRITERS, values))
      writers[place - 1] = row;
    return writers;
  }
}

function muted(): DomainError {
  return new DomainError('FORBIDDEN', 'You are muted in this chat.', { rule: 'member.muted' });
}
