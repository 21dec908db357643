import type { PoolClient } from 'pg';
import type { Database } from '../database.js';
import { transaction } from '../transaction.js';

/** For so long a deleted chat's log is kept, for those who resume. */
export const KEPT_DAYS = 30;
/** Rows of each table in a transaction. */
const STEP_ROWS = 300;

// Another process that is at work on the chat is left alone. A chat on hold stays.
const DUE = `SELECT id FROM chats WHERE deleted_at < now() - make_interval(days => ${KEPT_DAYS}) AND NOT hold
  ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

/** The first rows of the chat by their primary key, and what hangs on them. */
const removal = (table: string, key: string) => `DELETE FROM ${table} WHERE chat_id = $1 AND ${key} <= (
  SELECT r.${key} FROM (SELECT ${key} FROM ${table} WHERE chat_id = $1 ORDER BY ${key} LIMIT ${STEP_ROWS}) r ORDER BY r.${key} DESC LIMIT 1)`;

/** In this order: what may be many. The rest goes with the chat's row. */
const REMOVALS = [
  removal('messages', 'seq'),
  removal('threads', 'root_seq'),
  removal('chat_events', 'seq'),
  removal('chat_memberships', 'user_id'),
];

/**
 * Deletes some rows of a chat that was deleted more than 30 days ago, at most 300 of each table, and at last the chat.
 * @returns whether more may be left
 */
export function forgetDeletedChats(db: Database): Promise<boolean> {
  return transaction(db, async (connection) => {
    const { rows } = await connection.query<{ id: string }>(DUE);
    const [chat] = rows;
    if (!chat) return false;
    if (await removeSome(connection, chat.id)) await connection.query('DELETE FROM chats WHERE id = $1', [chat.id]);
    return true;
  });
}

/** Whether the tables have no rows of the chat any more. */
async function removeSome(connection: PoolClient, chatId: string): Promise<boolean> {
  for (const text of REMOVALS) {
    const { rowCount } = await connection.query(text, [chatId]);
    if (rowCount === STEP_ROWS) return false;
  }
  return true;
}
