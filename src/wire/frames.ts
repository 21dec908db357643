import type { Invitation } from '../domain/chats/invitations.js';
import type { DomainError } from '../domain/errors.js';
import type { ChatMessage } from '../domain/log/chat-message.js';
import { type Cursor, formatCursor } from '../domain/log/cursor.js';
import type { ChatState } from '../domain/mine/chat-states.js';
import type { UserProfile } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import { chatStateOnWire } from './chat-state.js';
import { messageOnWire } from './messages.js';
import { userOnWire } from './people.js';

/** The server's frames but for those of events (`event-on-wire.ts`). `JSON.stringify` leaves out members that are undefined. */

interface Hello {
  chat: { id: string; name: string };
  user: UserProfile;
  /** A client that reconnects with this cursor misses nothing. */
  cursor: Cursor;
  heartbeatSeconds: number;
  expiresAt: Date;
}

/** Always the first frame. */
export function helloFrame({ chat, user, cursor, heartbeatSeconds, expiresAt }: Hello) {
  return {
    type: 'hello',
    chat: { id: chat.id, name: chat.name },
    user: userOnWire(user),
    cursor: formatCursor(cursor),
    heartbeatSeconds,
    expiresAt: expiresAt.toISOString(),
  };
}

export function liveFrame(cursor: Cursor) {
  return { type: 'live', cursor: formatCursor(cursor) };
}

/** The client's cursor is of another history, or of a number that this one has not reached. The stream continues after `cursor`. */
export function resetFrame(cursor: Cursor) {
  return { type: 'reset', reason: 'epoch', cursor: formatCursor(cursor) };
}

interface InboxHello extends Omit<Hello, 'chat' | 'cursor'> {
  /** A client that reconnects with this position misses nothing. */
  position: string;
}

/** Always the first frame of an inbox. */
export function inboxHelloFrame({ user, position, heartbeatSeconds, expiresAt }: InboxHello) {
  return {
    ...{ type: 'hello', user: userOnWire(user), position },
    heartbeatSeconds,
    expiresAt: expiresAt.toISOString(),
  };
}

export function inboxLiveFrame(position: string) {
  return { type: 'live', position };
}

/** The client's position is of another history. The inbox continues after `position`. */
export function inboxResetFrame(position: string) {
  return { type: 'reset', reason: 'epoch', position };
}

/** More of the chat was missed than the client wants to be sent: what lies between the cursors. */
export function gapFrame(chatId: string, after: Cursor, cursor: Cursor, position: string) {
  return { ...{ type: 'gap', chatId, after: formatCursor(after), cursor: formatCursor(cursor) }, position };
}

/** The present state of a chat for the inbox's user. `ofThreads` is left out when it is about the chat alone. */
export function chatStateFrame({ state, ofThreads }: { state: ChatState; ofThreads: boolean }, position: string) {
  const frame = { type: 'chat.state', chatId: state.chatId, position, state: chatStateOnWire(state) };
  return ofThreads ? { ...frame, ofThreads } : frame;
}

/** An invitation of the inbox's user as it is now. One that was accepted, declined or revoked has expired. */
export function invitationFrame({ id, chat, inviter, role, createdAt, expiresAt }: Invitation, position: string) {
  const invitation = { id, chat, inviter: inviter && userOnWire(inviter), role, createdAt, expiresAt };
  return { type: 'invitation', chatId: chat.id, position, invitation };
}

/** The message, or its change, is committed. Its sender sees the nonce. */
export function messageAckFrame(id: string | undefined, message: ChatMessage, userId: string) {
  return {
    type: 'ack',
    id,
    message: messageOnWire(message, message.sender.id === userId ? 'author' : 'others'),
  };
}

/** The read marker is committed. `state` is what the chat is to its user then. */
export function stateAckFrame(id: string, state: ChatState) {
  return { type: 'ack', id, state: chatStateOnWire(state) };
}

/** The socket uses the new token from now on. */
export function authAckFrame(id: string | undefined, { expiresAt }: Viewer) {
  return { type: 'ack', id, expiresAt: expiresAt.toISOString() };
}

/** The signals of these chats are heard, as far as the user is a member of them: what was read before may lack some. */
export function signalsAckFrame(id: string, chats: readonly string[]) {
  return { type: 'ack', id, chats };
}

export function errorFrame(id: string | undefined, { code, message, field, retryAfterMs, rule, needs }: DomainError) {
  return { type: 'error', id, code, message, field, retryAfterMs, rule, needs };
}

/** Our fault. The process's log has the error under this request id. */
export function internalErrorFrame(id: string | undefined, requestId: string) {
  return { type: 'error', id, code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error.', requestId };
}

export function pongFrame(id: string | undefined) {
  return { type: 'pong', id };
}

/** The token expires within the minute; an `auth` frame renews it. */
export function tokenExpiringFrame(expiresAt: Date) {
  return { type: 'token.expiring', expiresAt: expiresAt.toISOString() };
}

/** The last frame before each close by the server: a close code, and a reason for the client's log. */
export function closingFrame({ code, reason }: { code: number; reason: string }) {
  return { type: 'closing', code, reason };
}
