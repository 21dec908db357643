import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';

const ROLES = {
  name: 'chat-roles-of-user',
  text: `SELECT chat_id AS "chatId", role FROM chat_memberships
    WHERE user_id = $1 AND chat_id = ANY ($2::uuid[]) AND left_at IS NULL`,
};

/** The user's role in each of these chats, by the chat's id; chats without this member are absent. One query. */
export async function readRoles(
  db: Database,
  userId: string,
  chatIds: readonly string[],
): Promise<Map<string, ChatRole>> {
  const rows = await query<{ chatId: string; role: ChatRole }>(db, ROLES, [userId, chatIds]);
  return new Map(rows.map(({ chatId, role }) => [chatId, role]));
}
