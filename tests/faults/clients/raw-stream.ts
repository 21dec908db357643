import { WebSocket } from 'ws';
import { takeFrame } from './frames.js';
import { codeOfStatus } from './request-paths.js';
import { OPENING_PATIENCE_MS, type OpenStream } from './streams.js';

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
    if (!isOver) takeFrame(data.toString(), handlers);
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
