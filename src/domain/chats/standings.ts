import type { ChatKind } from '../chat-kind.js';
import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import type { InvitePolicy } from '../invite-policy.js';
import { type LargeChats, MENTION_ALL_LIMIT } from './rights.js';

/** Who a user is in a chat, and what the chat asks of its members now. `chat-access.ts` says what that allows. */
export interface Standing {
  kind: ChatKind;
  /** Undefined for a user who is no member. */
  role: ChatRole | undefined;
  postingRole: ChatRole;
  invites: InvitePolicy;
  /** It has more members than `LargeChats` says. */
  isLarge: boolean;
  isArchived: boolean;
  isDeleted: boolean;
  /** Null when the user is not muted now. */
  mutedUntil: Date | null;
  /** When slow mode lets a member send again, if that is not now already. Those who are free of slow mode need not wait. */
  slowUntil: Date | null;
  /** Milliseconds until `slowUntil`, by the database's clock; 0 without one. */
  slowMs: number;
}

/** A user in a chat. The ids are as PostgreSQL writes them. */
export interface Place {
  chatId: string;
  userId: string;
}

interface StandingRow extends Omit<Standing, 'role'> {
  place: number;
  role: ChatRole | null;
}

// A subquery of one row: a join may look at all members of the chat. The time is that of the statement, to the millisecond, as the times
// that it is compared with are.
const STANDINGS = {
  name: 'chat-standings',
  text: `SELECT asked.place::int, c.kind, m.role, c.posting_role AS "postingRole", c.invites,
      c.member_count > $3 AS "isLarge", c.archived_at IS NOT NULL AS "isArchived", c.deleted_at IS NOT NULL AS "isDeleted",
      CASE WHEN m.muted_until > t.now THEN m.muted_until END AS "mutedUntil",
      CASE WHEN s.slow_until > t.now THEN s.slow_until END AS "slowUntil",
      coalesce(greatest(ceil(extract(epoch FROM s.slow_until - t.now) * 1000), 0), 0)::int AS "slowMs"
    FROM (SELECT statement_timestamp()::timestamptz(3) AS now) t
    CROSS JOIN unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (chat_id, user_id, place)
    JOIN chats c ON c.id = asked.chat_id
    LEFT JOIN LATERAL (
      SELECT role, muted_until, last_sent_at FROM chat_memberships
      WHERE chat_id = asked.chat_id AND user_id = asked.user_id AND left_at IS NULL LIMIT 1) m ON true
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.slow_seconds > 0 THEN m.last_sent_at + make_interval(secs => c.slow_seconds) END AS slow_until) s`,
};

/** The highest `int` of PostgreSQL. */
const MAX_COUNT = 2 ** 31 - 1;

/** Who each of these users is in the chat beside it, in the same order; undefined for a chat that does not exist. One query. */
export async function readStandings(
  db: Database,
  places: readonly Place[],
  { mentionAllLimit = MENTION_ALL_LIMIT }: LargeChats = {},
): Promise<(Standing | undefined)[]> {
  const values = [
    places.map(({ chatId }) => chatId),
    places.map(({ userId }) => userId),
    Math.min(mentionAllLimit, MAX_COUNT),
  ];
  const standings: (Standing | undefined)[] = places.map(() => undefined);
  for (const { place, role, ...standing } of await query<StandingRow>(db, STANDINGS, values))
    standings[place - 1] = { ...standing, role: role ?? undefined };
  return standings;
}
