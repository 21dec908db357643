import { type Database, query } from '../database.js';

/** A user whom another one asks for. Ids as PostgreSQL writes them. */
export interface AskedUser {
  viewerId: string;
  userId: string;
  /** The chats that count as shared; undefined for all. */
  chats?: ReadonlySet<string> | undefined;
}

/** A user who shares a chat with the viewer, or is the viewer. No bot: bots are in no presence. */
export interface Acquaintance {
  lastActiveAt: Date | null;
}

// Subqueries of one row: the planner can join neither whole tables nor all chats of two people.
const ACQUAINTANCES = {
  name: 'users-acquainted',
  text: `SELECT asked.place::int, u.last_active_at AS "lastActiveAt"
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS asked (viewer_id, user_id, chat_ids, place)
    JOIN users u ON u.id = asked.user_id AND u.kind <> 'bot'
    WHERE asked.viewer_id = asked.user_id OR (
      SELECT true FROM chat_memberships theirs WHERE theirs.user_id = asked.user_id AND theirs.left_at IS NULL
        AND (asked.chat_ids IS NULL OR theirs.chat_id = ANY (asked.chat_ids::uuid[])) AND (
        SELECT true FROM chat_memberships own
        WHERE own.chat_id = theirs.chat_id AND own.user_id = asked.viewer_id AND own.left_at IS NULL)
        AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = theirs.chat_id)
      LIMIT 1)`,
};

// Chat by chat by primary key: a token is narrowed to a hundred chats at most.
const MET = {
  name: 'users-met-in-chats',
  text: `SELECT asked.id FROM unnest($1::uuid[]) AS asked (id)
    WHERE asked.id = $2 OR EXISTS (
      SELECT 1 FROM unnest($3::uuid[]) AS c (id)
      WHERE member_role(c.id, $2) IS NOT NULL AND member_role(c.id, asked.id) IS NOT NULL
        AND (SELECT here.deleted_at IS NULL FROM chats here WHERE here.id = c.id))`,
};

/** Those of these users, bots too, who are in one of these chats together with the viewer, and the viewer. One query. */
export async function usersMetIn(
  db: Database,
  viewerId: string,
  userIds: readonly string[],
  chats: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(db, MET, [userIds, viewerId, [...chats]]);
  return new Set(rows.map(({ id }) => id));
}

/** Says who shares a chat with whom. */
export class Acquaintances {
  constructor(private readonly db: Database) {}

  /** In the order asked; undefined for a user who does not exist, who is a bot or who shares no chat with the viewer. One query. */
  async find(asked: readonly AskedUser[]): Promise<(Acquaintance | undefined)[]> {
    if (asked.length === 0) return [];
    const values = [
      asked.map(({ viewerId }) => viewerId),
      asked.map(({ userId }) => userId),
      // An array of each pair's own, as PostgreSQL writes it: arrays of arrays have rows of one length.
      asked.map(({ chats }) => (chats ? `{${[...chats].join()}}` : null)),
    ];
    const rows = await query<Acquaintance & { place: number }>(this.db, ACQUAINTANCES, values);
    const found: (Acquaintance | undefined)[] = asked.map(() => undefined);
    for (const { place, lastActiveAt } of rows) found[place - 1] = { lastActiveAt };
    return found;
  }
}
