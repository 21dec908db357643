import type { Pool } from 'pg';
import type { Unread } from '../../src/domain/mine/chat-states.js';

interface Rows {
  members: {
    chat_id: string;
    user_id: string;
    read_seq: number;
    joined_seq: number;
    is_member: boolean;
    first_seq: number;
  }[];
  messages: {
    chat_id: string;
    seq: number;
    sender_id: string;
    root_seq: number | null;
    in_timeline: boolean;
    is_deleted: boolean;
    mention_all: boolean;
  }[];
  mentions: { chat_id: string; user_id: string; at_seq: number; message_seq: number }[];
  follows: { chat_id: string; user_id: string; root_seq: number; read_seq: number }[];
}

const QUERIES: Readonly<Record<keyof Rows, string>> = {
  members: `SELECT m.chat_id, m.user_id, m.read_seq, m.joined_seq, m.left_at IS NULL AS is_member, c.first_seq
    FROM chat_memberships m JOIN chats c ON c.id = m.chat_id WHERE m.chat_id = ANY ($1)`,
  // Not by the flags, which the service counts by.
  messages: `SELECT m.chat_id, m.seq, m.sender_id, x.thread_root_seq AS root_seq,
      x.thread_root_seq IS NULL OR x.also_in_chat AS in_timeline, x.deleted_at IS NOT NULL AS is_deleted, coalesce(x.mention_all, false) AS mention_all
    FROM messages m LEFT JOIN message_extras x ON x.chat_id = m.chat_id AND x.seq = m.seq WHERE m.chat_id = ANY ($1) ORDER BY m.seq`,
  mentions: 'SELECT chat_id, user_id, at_seq, message_seq FROM mentions WHERE chat_id = ANY ($1)',
  follows: 'SELECT chat_id, user_id, root_seq, read_seq FROM thread_follows WHERE chat_id = ANY ($1) AND following',
};

/** A member's marker, and what is behind it. */
export type Recounted = Unread & { readSeq: number };

/**
 * Reads all rows of chats, and counts from them what each member has not read: one by one, without a limit but the one of what is shown.
 * Undefined for who is no member.
 */
export async function recount(
  pool: Pool,
  chatIds: readonly string[],
  most = 100,
): Promise<(userId: string, chatId: string) => Recounted | undefined> {
  const read = async (name: keyof Rows) => (await pool.query(QUERIES[name], [chatIds])).rows;
  const all: Rows = {
    members: await read('members'),
    messages: await read('messages'),
    mentions: await read('mentions'),
    follows: await read('follows'),
  };
  return (userId, chatId) => {
    const ofChat = <Row extends { chat_id: string }>(rows: Row[]) => rows.filter(({ chat_id }) => chat_id === chatId);
    const { members, messages, mentions, follows } = all;
    const rows = {
      members: ofChat(members),
      messages: ofChat(messages),
      mentions: ofChat(mentions),
      follows: ofChat(follows),
    };
    return count(userId, rows, most);
  };
}

function count(userId: string, { members, messages, mentions, follows }: Rows, most: number): Recounted | undefined {
  const member = members.find(({ user_id, is_member }) => user_id === userId && is_member);
  if (!member) return undefined;
  const after = Math.max(member.read_seq, member.joined_seq, member.first_seq - 1);
  const others = messages.filter((message) => message.sender_id !== userId && !message.is_deleted);
  const timeline = others.filter(({ in_timeline }) => in_timeline);
  const unread = timeline.filter(({ seq }) => seq > after);
  const named = new Set(
    mentions
      .filter(({ user_id, at_seq }) => user_id === userId && at_seq > after)
      .map(({ message_seq }) => message_seq),
  );
  const mentioning = timeline.filter(({ seq, mention_all }) => named.has(seq) || (mention_all && seq > after));
  const threads = follows.filter(
    ({ user_id, root_seq, read_seq }) =>
      user_id === userId &&
      others.some((reply) => reply.root_seq === root_seq && reply.seq > Math.max(read_seq, member.joined_seq)),
  );
  return {
    readSeq: member.read_seq,
    messages: Math.min(unread.length, most),
    capped: unread.length > most,
    mentions: Math.min(mentioning.length, most),
    threads: Math.min(threads.length, most),
    firstSeq: unread[0]?.seq ?? null,
  };
}
