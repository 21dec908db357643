import type { ChatMessage } from '../domain/chat-events.js';
import { type Cursor, formatCursor } from '../domain/cursor.js';
import type { DomainError } from '../domain/errors.js';
import type { UserProfile, Viewer } from '../domain/viewer.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import { textFrame } from '../plugins/websocket/frame.js';

/** The server's frames, ready for the socket. Those for changes of the chat: event-frames.ts. */

interface Hello {
  chat: { id: string; name: string };
  user: UserProfile;
  /** Who hears nothing more may come back with it and has missed nothing. */
  cursor: Cursor;
  heartbeatSeconds: number;
  expiresAt: Date;
}

/** Always the first frame. */
export function helloFrame({ chat, user, cursor, heartbeatSeconds, expiresAt }: Hello): Buffer {
  return frame({
    type: 'hello',
    chat: { id: chat.id, name: chat.name },
    user: userOnWire(user),
    cursor: formatCursor(cursor),
    heartbeatSeconds,
    expiresAt: expiresAt.toISOString(),
  });
}

export function liveFrame(cursor: Cursor): Buffer {
  return frame({ type: 'live', cursor: formatCursor(cursor) });
}

/** The cursor asked for is of another history, or of a number that this one has not reached. */
export function resetFrame(cursor: Cursor): Buffer {
  return frame({ type: 'reset', reason: 'epoch', cursor: formatCursor(cursor) });
}

/** A message is written; its sender sees its own nonce. */
export function messageAckFrame(id: string | undefined, message: ChatMessage): Buffer {
  return frame({ type: 'ack', id, message: messageOnWire(message, true) });
}

/** The socket goes on under the new token. */
export function authAckFrame(id: string | undefined, { expiresAt }: Viewer): Buffer {
  return frame({ type: 'ack', id, expiresAt: expiresAt.toISOString() });
}

export function errorFrame(
  id: string | undefined,
  { code, message, field, retryAfterMs }: Pick<DomainError, 'code' | 'message' | 'field' | 'retryAfterMs'>,
): Buffer {
  return frame({ type: 'error', id, code, message, field, retryAfterMs });
}

/** Our fault; the log knows more under this request id. */
export function internalErrorFrame(id: string | undefined, requestId: string): Buffer {
  return frame({ type: 'error', id, code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error.', requestId });
}

export function pongFrame(id: string | undefined): Buffer {
  return frame({ type: 'pong', id });
}

/** The token expires within the minute; an `auth` frame renews it. */
export function tokenExpiringFrame(expiresAt: Date): Buffer {
  return frame({ type: 'token.expiring', expiresAt: expiresAt.toISOString() });
}

/** Always the last frame before a close of ours. */
export function closingFrame({ code, reason }: Disconnect): Buffer {
  return frame({ type: 'closing', code, reason });
}

export function userOnWire({ id, username }: UserProfile) {
  return { id, username };
}

export function messageOnWire({ id, seq, content, createdAt, sender, nonce }: ChatMessage, withNonce: boolean) {
  return { id, seq, content, createdAt, sender: userOnWire(sender), ...(withNonce && nonce !== null && { nonce }) };
}

/** Members that are undefined are left out. */
function frame(content: object): Buffer {
  return textFrame(JSON.stringify(content));
}
