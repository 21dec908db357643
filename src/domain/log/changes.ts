import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import type { UserProfile } from '../profile.js';
import { isKnown, type KnownEntry, refersToChat } from './chat-events.js';
import type { LogEntry } from './events/kind.js';
import { type LoggedChat, loggedChatOfJson } from './logged-chat.js';
import { profileOfJson, utc } from './message-rows.js';

interface ChangeRow {
  seq: number;
  /** A newer version of the service on the same database may write kinds that this one does not know. */
  kind: string;
  created_at: Date;
  actor: UserProfile | null;
  subject: UserProfile | null;
  membership: { role: ChatRole; joinedAt: string; mutedUntil: string | null } | null;
  message_seq: number | null;
  data: Readonly<Record<string, unknown>> | null;
}

// What looks like a mute in a direct chat is a block (set_block.sql), of which nobody is told.
const CHANGES_UP = {
  name: 'chat-events-up',
  text: `SELECT e.seq, e.kind, e.created_at, e.message_seq, e.data,
      profile_as_json(a) AS actor, profile_as_json(s) AS subject,
      CASE WHEN p.user_id IS NOT NULL THEN jsonb_build_object('role', p.role, 'joinedAt', p.joined_at,
        'mutedUntil', CASE WHEN p.muted_until > now() AND NOT is_direct_chat(p.chat_id) THEN p.muted_until END) END AS membership
    FROM chat_events e
    LEFT JOIN users a ON a.id = e.actor_id
    LEFT JOIN users s ON s.id = e.subject_id
    LEFT JOIN chat_memberships p ON p.chat_id = e.chat_id AND p.user_id = e.subject_id
    WHERE e.chat_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`,
};

const CHAT = { name: 'chat-as-json', text: 'SELECT chat_as_json(c) AS chat FROM chats c WHERE c.id = $1' };

/** A change that is not the creation of a message, before the message that it refers to is read. */
export interface Change {
  entry: KnownEntry;
  messageSeq: number | null;
}

/**
 * Reads the changes of a chat that are not the creation of a message, oldest first, with the rows that they refer to as those are
 * now, but for messages. Changes of a kind that this version does not know are left out: its clients cannot be told of them.
 * @param range the chat's id, the number before the first and the last number, and the most changes
 */
export async function readChanges(
  db: Database,
  chat: { chatId: string; epoch: string },
  range: readonly (string | number)[],
): Promise<Change[]> {
  const rows = await query<ChangeRow>(db, CHANGES_UP, [...range]);
  const changes: Change[] = [];
  for (const row of rows) {
    const entry = toEntry(chat, row);
    if (isKnown(entry)) changes.push({ entry, messageSeq: row.message_seq });
  }
  return withChat(db, changes);
}

/** Reads the chat once for all changes that refer to it. No query when none does. */
async function withChat(db: Database, changes: Change[]): Promise<Change[]> {
  const referring = changes.filter(({ entry }) => refersToChat(entry));
  const [first] = referring;
  if (!first) return changes;
  const [row] = await query<{ chat: LoggedChat }>(db, CHAT, [first.entry.chatId]);
  const shown = row && loggedChatOfJson(row.chat);
  if (shown) for (const { entry } of referring) entry.chat = shown;
  return changes;
}

function toEntry({ chatId, epoch }: { chatId: string; epoch: string }, row: ChangeRow): LogEntry {
  const { seq, kind, actor, subject, membership, data } = row;
  const at = row.created_at.toISOString();
  return {
    ...{ type: kind, chatId, epoch, seq, at, actor: actor && profileOfJson(actor) },
    // Before there were roles, a membership that ended was deleted.
    ...(subject && {
      subject: profileOfJson(subject),
      membership: {
        role: membership?.role ?? 'member',
        joinedAt: membership ? utc(membership.joinedAt) : at,
        mutedUntil: membership?.mutedUntil ? utc(membership.mutedUntil) : null,
      },
    }),
    ...(data && { facts: data }),
  };
}
