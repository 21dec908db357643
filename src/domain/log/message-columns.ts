import type { UserKind, UserRole } from '../profile.js';
import type { ChatMessage } from './chat-message.js';

/** The columns of a message, from `messages m`. */
export const PLAIN_COLUMNS = 'm.seq, m.id, m.content, m.nonce, m.created_at, m.sender_id, m.flags';

/** The same and the sender's columns, from `users u`. */
export const MESSAGE_COLUMNS = `${PLAIN_COLUMNS}, u.username, u.first_name, u.last_name, u.role, u.date_joined, u.kind`;

/** The values of `PLAIN_COLUMNS`. */
export type PlainValues = [
  seq: number,
  id: string,
  content: string,
  nonce: string | null,
  createdAt: string,
  senderId: string,
  flags: number,
];

/** The values of `MESSAGE_COLUMNS`. */
export type MessageValues = [
  ...PlainValues,
  username: string,
  firstName: string,
  lastName: string,
  role: UserRole,
  dateJoined: string,
  kind: UserKind,
];

/** Whether the row is not all of the message. */
export function isFlagged({ 6: flags }: readonly [...PlainValues, ...unknown[]]): boolean {
  return flags !== 0;
}

/** The message of a row of `MESSAGE_COLUMNS`, as if it were plain. */
export function toMessage(
  chatId: string,
  [seq, id, content, nonce, createdAt, senderId, , username, firstName, lastName, role, dateJoined, kind]: readonly [
    ...MessageValues,
    ...unknown[],
  ],
): ChatMessage {
  const sender = { id: senderId, username, firstName, lastName, role, kind, dateJoined };
  return { id, chatId, seq, content, nonce, createdAt, sender };
}
