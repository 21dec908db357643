import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { EPOCH } from '../../world/identities.js';
import type { SentMessages, StoredMessage } from './messages.js';
import type { User } from './tokens.js';

const TABLE = `CREATE TABLE IF NOT EXISTS unnumbered_messages (
  id uuid PRIMARY KEY,
  chat_id uuid NOT NULL REFERENCES chats,
  sender_id uuid NOT NULL REFERENCES users,
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS unnumbered_messages_of_chat ON unnumbered_messages (chat_id, id)`;

const INSERT = {
  name: 'insert-unnumbered-message',
  text: `INSERT INTO unnumbered_messages (id, chat_id, sender_id, content)
    SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM chat_memberships WHERE chat_id = $2 AND user_id = $3)
    RETURNING created_at`,
};

/** Messages as most chats store them: sends to one chat do not wait for each other, and nobody can tell whether one is missing. */
export class UnnumberedMessages implements SentMessages {
  /** The benchmark knows messages by their numbers. These are of the process alone, in the order of the answers. */
  private readonly counts = new Map<string, number>();

  private constructor(private readonly pool: pg.Pool) {}

  static async open(pool: pg.Pool): Promise<UnnumberedMessages> {
    await pool.query(TABLE);
    return new UnnumberedMessages(pool);
  }

  /** Undefined when the sender is no member. */
  async insert(chatId: string, sender: User, content: string): Promise<StoredMessage | undefined> {
    const id = uuidv7();
    const { rows } = await this.pool.query<{ created_at: Date }>({
      ...INSERT,
      values: [id, chatId, sender.id, content],
    });
    const [row] = rows;
    if (!row) return undefined;
    const seq = (this.counts.get(chatId) ?? 0) + 1;
    this.counts.set(chatId, seq);
    return { id, seq, epoch: EPOCH, content, createdAt: row.created_at.toISOString(), sender };
  }
}
