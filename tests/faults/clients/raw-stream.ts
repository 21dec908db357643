import { WebSocket } from 'ws';
import { type Change, fingerprint } from '../entries.js';
import { codeOfStatus } from './send-paths.js';
import { OPENING_PATIENCE_MS, type OpenStream, type StreamHandlers } from './streams.js';

interface Person {
  id: string;
}

type Frame =
  | { type: 'hello' | 'live' | 'reset'; cursor: string }
  | { type: 'message.created'; seq: number; cursor: string; message: { id: string; content: string; sender: Person } }
  | { type: 'member.added'; seq: number; cursor: string; member: { user: Person } }
  | { type: 'member.removed'; seq: number; cursor: string; user: Person }
  | { type: 'closing' | 'pong' };

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
    if (!isOver) take(JSON.parse(data.toString()), handlers);
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

function take(frame: Frame, handlers: StreamHandlers): void {
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
    case 'message.created':
    case 'member.added':
    case 'member.removed':
      handlers.event(frame.cursor, changeOf(frame));
      return;
  }
}

function changeOf(frame: Extract<Frame, { seq: number }>): Change {
  const { seq, type: kind } = frame;
  switch (frame.type) {
    case 'message.created': {
      const { id: subject, sender, content } = frame.message;
      return { seq, kind, subject, sender: sender.id, content: fingerprint(content) };
    }
    case 'member.added':
      return { seq, kind, subject: frame.member.user.id };
    case 'member.removed':
      return { seq, kind, subject: frame.user.id };
  }
}
