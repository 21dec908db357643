import type { PrivatePostgres } from '../support/private-postgres.js';
import { type Change, type ChangeKind, fingerprint } from './entries.js';

/** A change as the database holds it. */
export interface Row extends Change {
  chat: string;
  nonce: string | null;
}

/** The state of the database after the run. */
export interface DatabaseState {
  chats: { id: string; name: string; epoch: string; lastSeq: number }[];
  /** By chat and number. */
  rows: Row[];
}

const CHATS = 'SELECT id, name, epoch, last_seq AS "lastSeq" FROM chats ORDER BY name';
const ROWS = `SELECT chat_id AS chat, seq, 'message.created' AS kind, id AS subject, sender_id AS sender, content, nonce FROM messages
  UNION ALL SELECT chat_id, seq, kind, subject_id, NULL, NULL, NULL FROM chat_events ORDER BY chat, seq`;

interface RowOfSql {
  chat: string;
  seq: number;
  kind: ChangeKind;
  subject: string;
  sender: string | null;
  content: string | null;
  nonce: string | null;
}

/** Reads the tables directly, without the service. */
export async function readDatabase(postgres: PrivatePostgres, database: string): Promise<DatabaseState> {
  const chats = await postgres.query<DatabaseState['chats'][number]>(CHATS, [], database);
  const rows = await postgres.query<RowOfSql>(ROWS, [], database);
  return {
    chats,
    rows: rows.map(({ sender, content, ...row }) => ({
      ...row,
      ...(sender !== null && { sender }),
      ...(content !== null && { content: fingerprint(content) }),
    })),
  };
}
