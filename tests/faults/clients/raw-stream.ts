import { WebSocket } from 'ws';
import { type Change, type MessageChangeKind, marksIn } from '../entries.js';
import { type ReceivedMessage, reactionOf, stateOf } from './message-fields.js';
import { codeOfStatus } from './request-paths.js';
import { OPENING_PATIENCE_MS, type OpenStream, type StreamHandlers } from './streams.js';

interface Person {
  id: string;
}

type Frame =
  | { type: 'hello' | 'live' | 'reset'; cursor: string }
  | EventFrame
  | { type: 'closing' | 'pong' | 'token.expiring' };

type EventFrame = { seq: number; cursor: string } & (
  | { type: 'message.created' | Exclude<MessageChangeKind, 'message.reactions'>; message: ReceivedMessage }
  | { type: 'message.reactions'; messageId: string; reactions: NonNullable<ReceivedMessage['reactions']> }
  | { type: 'member.added' | 'member.updated'; member: { user: Person } }
  | { type: 'member.removed'; user: Person }
);

/** The raw channel, read with `ws`. */
export const openRawStream: OpenStream = ({ port, chat, user, after }, handlers) => {
  const query = after === null ? '' : `?after=${encodeURIComponent(after)}`;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/${encodeURIComponent(chat.name)}/${query}`, {
    headers: { authorization: `Bearer ${user.token}` },
    handshakeTimeout: OPENING_PATIENCE_MS,
  });
  let isOpen = false;
  let isOver = false;
  const end = (tell: () => void) => {
    if (isOver) return;
    isOver = true;
    tell();
  };
  socket.on('open', () => {
    isOpen = true;
  });
  socket.on('message', (data) => {
    if (!isOver) take(data.toString(), handlers);
  });
  socket.on('unexpected-response', (_request, { statusCode }) => {
    end(() => handlers.refused(codeOfStatus(statusCode ?? 0)));
    socket.terminate();
  });
  // A `close` follows; before the socket was open it says nothing more.
  socket.on('error', () => {
    if (!isOpen) end(() => handlers.refused('UNREACHABLE'));
  });
  socket.on('close', (code, reason) => end(() => handlers.closed(String(code), reason.toString())));
  return () => end(() => socket.terminate());
};

function take(text: string, handlers: StreamHandlers): void {
  const frame: Frame = JSON.parse(text);
  switch (frame.type) {
    case 'hello':
      handlers.started(frame.cursor);
      return;
    case 'live':
      handlers.live(frame.cursor);
      return;
    case 'reset':
      handlers.reset(frame.cursor);
      return;
    case 'closing':
    case 'pong':
    case 'token.expiring':
      return;
    default:
      handlers.event(frame.cursor, changeOf(frame, text));
  }
}

function changeOf(frame: EventFrame, text: string): Change {
  const { seq } = frame;
  switch (frame.type) {
    case 'member.added':
    case 'member.updated':
      return { seq, kind: frame.type, subject: frame.member.user.id };
    case 'member.removed':
      return { seq, kind: frame.type, subject: frame.user.id };
    case 'message.reactions':
      return { seq, kind: frame.type, subject: frame.messageId, reactions: frame.reactions.map(reactionOf) };
    default: {
      const { message } = frame;
      return { seq, kind: frame.type, subject: message.id, message: stateOf(message), marks: marksIn(text) };
    }
  }
}
