import { WebSocket } from 'ws';
import type { User } from '../world.js';
import { takeFrame } from './frames.js';
import { takeInboxFrame } from './inbox-frames.js';
import { codeOfStatus } from './request-paths.js';
import { type EndHandlers, OPENING_PATIENCE_MS, type OpenInbox, type OpenStream } from './streams.js';

interface Request {
  port: number;
  path: string;
  query: URLSearchParams;
  user: User;
}

/** The raw channel, read with `ws`. */
export const openRawStream: OpenStream = ({ port, chat, user, after }, handlers) =>
  openSocket(
    { port, path: `/ws/chat/${encodeURIComponent(chat.name)}/`, query: afterOf(after), user },
    handlers,
    (text) => takeFrame(text, handlers),
  );

/** All chats of the user on one socket. */
export const openRawInbox: OpenInbox = ({ port, user, after, maxMissed }, handlers) =>
  openSocket(
    { port, path: '/ws/inbox/', query: afterOf(after, { maxMissed: String(maxMissed) }), user },
    handlers,
    (text) => takeInboxFrame(text, handlers),
  );

function afterOf(after: string | null, more: Record<string, string> = {}): URLSearchParams {
  return new URLSearchParams({ ...more, ...(after !== null && { after }) });
}

function openSocket(
  { port, path, query, user }: Request,
  handlers: EndHandlers,
  take: (frame: string) => void,
): () => void {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`, {
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
    if (!isOver) take(data.toString());
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
}
