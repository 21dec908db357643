import type { DomainError } from '../domain/errors.js';
import type { ChatMessage } from '../domain/log/chat-message.js';
import { type Cursor, formatCursor } from '../domain/log/cursor.js';
import type { UserProfile } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import { textFrame } from '../plugins/websocket/frame.js';
import { messageOnWire } from '../wire/messages.js';
import { userOnWire } from '../wire/people.js';

/** The server's frames, encoded for the socket. `event-frames.ts` has those of chat events. */

interface Hello {
  chat: { id: string; name: string };
  user: UserProfile;
  /** A client that reconnects with this cursor misses nothing. */
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

/** The client's cursor is of another history, or of a number that this one has not reached. The stream continues after `cursor`. */
export function resetFrame(cursor: Cursor): Buffer {
  return frame({ type: 'reset', reason: 'epoch', cursor: formatCursor(cursor) });
}

/** The message, or its change, is committed. Its sender sees the nonce. */
export function messageAckFrame(id: string | undefined, message: ChatMessage, userId: string): Buffer {
  return frame({
    type: 'ack',
    id,
    message: messageOnWire(message, message.sender.id === userId ? 'author' : 'others'),
  });
}

/** The socket uses the new token from now on. */
export function authAckFrame(id: string | undefined, { expiresAt }: Viewer): Buffer {
  return frame({ type: 'ack', id, expiresAt: expiresAt.toISOString() });
}

export function errorFrame(
  id: string | undefined,
  { code, message, field, retryAfterMs, rule, needs }: DomainError,
): Buffer {
  return frame({ type: 'error', id, code, message, field, retryAfterMs, rule, needs });
}

/** Our fault. The process's log has the error under this request id. */
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

/** The last frame before each close by the server. */
export function closingFrame({ code, reason }: Disconnect): Buffer {
  return frame({ type: 'closing', code, reason });
}

/** `JSON.stringify` leaves out members that are undefined. */
function frame(content: object): Buffer {
  return textFrame(JSON.stringify(content));
}
