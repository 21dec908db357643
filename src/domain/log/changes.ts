import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import type { UserProfile, UserRole } from '../profile.js';
import { type ChatEvent, isKnown, toEvent } from './chat-events.js';
import type { ChatMessage } from './chat-message.js';
import type { LogEntry } from './events/kind.js';

interface ProfileJson {
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  role: UserRole;
  dateJoined: string;
}

interface MessageJson extends Omit<ChatMessage, 'chatId' | 'sender'> {
  sender: ProfileJson;
}

interface ChangeRow {
  seq: number;
  /** A newer version of the service on the same database may write kinds that this one does not know. */
  kind: string;
  created_at: Date;
  actor: ProfileJson | null;
  subject: ProfileJson | null;
  membership: { role: ChatRole; joinedAt: string } | null;
  message: MessageJson | null;
  data: Readonly<Record<string, unknown>> | null;
}

const profileJson = (alias: string) => `jsonb_build_object('id', ${alias}.id, 'username', ${alias}.username,
  'firstName', ${alias}.first_name, 'lastName', ${alias}.last_name, 'role', ${alias}.role, 'dateJoined', ${alias}.date_joined)`;

const CHANGES_UP = {
  name: 'chat-events-up',
  text: `SELECT e.seq, e.kind, e.created_at, e.data,
      CASE WHEN a.id IS NOT NULL THEN ${profileJson('a')} END AS actor,
      CASE WHEN s.id IS NOT NULL THEN ${profileJson('s')} END AS subject,
      CASE WHEN p.user_id IS NOT NULL THEN jsonb_build_object('role', p.role, 'joinedAt', p.joined_at) END AS membership,
      CASE WHEN m.id IS NOT NULL THEN jsonb_build_object('id', m.id, 'seq', m.seq, 'content', m.content, 'nonce', m.nonce,
        'createdAt', m.created_at, 'sender', ${profileJson('u')}) END AS message
    FROM chat_events e
    LEFT JOIN users a ON a.id = e.actor_id
    LEFT JOIN users s ON s.id = e.subject_id
    LEFT JOIN chat_memberships p ON p.chat_id = e.chat_id AND p.user_id = e.subject_id
    LEFT JOIN (messages m JOIN users u ON u.id = m.sender_id) ON m.chat_id = e.chat_id AND m.seq = e.message_seq
    WHERE e.chat_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`,
};

/**
 * Reads the changes of a chat that are not the creation of a message, oldest first, with the rows that they refer to as those are
 * now. Changes of a kind that this version does not know are left out: its clients cannot be told of them.
 * @param range the chat's id, the number before the first and the last number, and the most changes
 */
export async function readChanges(
  db: Database,
  chat: { chatId: string; epoch: string },
  range: readonly (string | number)[],
): Promise<ChatEvent[]> {
  const rows = await query<ChangeRow>(db, CHANGES_UP, [...range]);
  return rows
    .map((row) => toEntry(chat, row))
    .filter(isKnown)
    .map(toEvent);
}

function toEntry({ chatId, epoch }: { chatId: string; epoch: string }, row: ChangeRow): LogEntry {
  const { seq, kind, actor, subject, membership, message, data } = row;
  const at = row.created_at.toISOString();
  return {
    ...{ type: kind, chatId, epoch, seq, at, actor: actor && toProfile(actor) },
    // Before there were roles, a membership that ended was deleted.
    ...(subject && {
      subject: toProfile(subject),
      membership: { role: membership?.role ?? 'member', joinedAt: membership ? utc(membership.joinedAt) : at },
    }),
    ...(message && {
      message: { ...message, chatId, createdAt: utc(message.createdAt), sender: toProfile(message.sender) },
    }),
    ...(data && { facts: data }),
  };
}

function toProfile(json: ProfileJson): UserProfile {
  return { ...json, dateJoined: utc(json.dateJoined) };
}

/** PostgreSQL writes a JSON timestamp with its time zone's offset; on the wire it is UTC with milliseconds. */
function utc(timestamp: string): string {
  return new Date(timestamp).toISOString();
}
