import type { ChatKind } from '../chat-kind.js';
import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';

/** Who a user is in a chat. `rights.ts` says what that allows. */
export interface Standing {
  kind: ChatKind;
  /** Undefined for a user who is no member. */
  role: ChatRole | undefined;
}

const STANDINGS = {
  name: 'chat-standings-of-user',
  text: `SELECT c.id AS "chatId", c.kind, m.role FROM chats c
    LEFT JOIN chat_memberships m ON m.chat_id = c.id AND m.user_id = $1 AND m.left_at IS NULL
    WHERE c.id = ANY ($2::uuid[])`,
};

/** Who the user is in each of these chats, by the chat's id; chats that do not exist are absent. One query. */
export async function readStandings(
  db: Database,
  userId: string,
  chatIds: readonly string[],
): Promise<Map<string, Standing>> {
  const rows = await query<{ chatId: string; kind: ChatKind; role: ChatRole | null }>(db, STANDINGS, [userId, chatIds]);
  return new Map(rows.map(({ chatId, kind, role }) => [chatId, { kind, role: role ?? undefined }]));
}
