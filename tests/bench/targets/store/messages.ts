import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { User } from './tokens.js';

export interface StoredMessage {
  id: string;
  seq: number;
  epoch: string;
  content: string;
  createdAt: string;
  sender: User;
}

/** Where sends go. */
export interface SentMessages {
  /** Undefined when the sender is no member. */
  insert(chatId: string, sender: User, content: string): Promise<StoredMessage | undefined>;
}

export interface Room {
  id: string;
  epoch: string;
  seq: number;
}

// The number, the membership check and the row in one prepared statement, one round trip and one COMMIT.
const INSERT = {
  name: 'insert-message',
  text: `WITH numbered AS (
      UPDATE chats SET last_seq = last_seq + 1
      WHERE id = $2 AND EXISTS (SELECT 1 FROM chat_memberships WHERE chat_id = $2 AND user_id = $3)
      RETURNING last_seq, epoch)
    INSERT INTO messages (chat_id, seq, id, sender_id, content) SELECT $2, last_seq, $1, $3, $4 FROM numbered
    RETURNING seq, created_at, (SELECT epoch FROM numbered)`,
};

const FIND_ROOM = {
  name: 'find-room',
  text: `SELECT c.id, c.epoch, c.last_seq AS seq FROM chats c JOIN chat_memberships m ON m.chat_id = c.id
    WHERE c.name_key = $1 AND m.user_id = $2`,
};

const IS_MEMBER = {
  name: 'is-member',
  text: 'SELECT 1 FROM chat_memberships WHERE chat_id = $1 AND user_id = $2',
};

const PAGE = {
  name: 'page',
  text: `SELECT id, seq, content, created_at AS "createdAt" FROM messages
    WHERE chat_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
};

const PAGE_WITH_SENDERS = {
  name: 'page-with-senders',
  text: `SELECT m.id, m.seq, m.content, m.created_at AS "createdAt", u.id AS user_id, u.username
    FROM messages m JOIN users u ON u.id = m.sender_id
    WHERE m.chat_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3`,
};

interface PageRow {
  id: string;
  seq: number;
  content: string;
  createdAt: Date;
}

/** The same tables as the service's, written to by hand. */
export class Messages implements SentMessages {
  constructor(private readonly pool: pg.Pool) {}

  async insert(chatId: string, sender: User, content: string): Promise<StoredMessage | undefined> {
    const id = uuidv7();
    const { rows } = await this.pool.query<{ seq: number; created_at: Date; epoch: string }>({
      ...INSERT,
      values: [id, chatId, sender.id, content],
    });
    const [row] = rows;
    return row && { id, seq: row.seq, epoch: row.epoch, content, createdAt: row.created_at.toISOString(), sender };
  }

  /** Undefined when there is none or the user is no member. */
  async findRoom(name: string, user: User): Promise<Room | undefined> {
    const { rows } = await this.pool.query<Room>({ ...FIND_ROOM, values: [name.toLowerCase(), user.id] });
    return rows[0];
  }

  async isMember(chatId: string, user: User): Promise<boolean> {
    const { rows } = await this.pool.query({ ...IS_MEMBER, values: [chatId, user.id] });
    return rows.length > 0;
  }

  /** Oldest first. */
  async page(chatId: string, before: number, last: number): Promise<object[]> {
    const { rows } = await this.pool.query<PageRow>({ ...PAGE, values: [chatId, before, last] });
    return rows.reverse();
  }

  async pageWithSenders(chatId: string, before: number, last: number): Promise<object[]> {
    const { rows } = await this.pool.query<PageRow & { user_id: string; username: string }>({
      ...PAGE_WITH_SENDERS,
      values: [chatId, before, last],
    });
    return rows.reverse().map(({ user_id: id, username, ...message }) => ({ ...message, sender: { id, username } }));
  }
}
