import { asChatError, ChatError } from './errors.js';
import { parseObject } from './json.js';
import { type StreamHandlers, streamQuery, type Transport } from './transport.js';

/** As much of a WebSocket as is used here: a browser's, Node's own from 22 on, or that of the package `ws`. */
export interface WebSocketLike {
  // Each has types of its own for its handlers.
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  readonly readyState: number;
  send(data: string): void;
  close(code?: number): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

const OPEN = 1;
/** What a subprotocol may consist of: https://datatracker.ietf.org/doc/html/rfc9110#name-tokens */
const PROTOCOL_CHARACTERS = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * `/ws/inbox/`. Browsers cannot send headers: the token goes as a subprotocol, or a ticket in its place if it has characters that none may have.
 * @param WebSocket in place of the global one, which Node.js has from version 22 on
 */
export function webSocketTransport(WebSocket?: WebSocketConstructor): Transport {
  return {
    open(request, handlers) {
      let socket: WebSocketLike | undefined;
      let isOver = false;
      const end = (...how: Parameters<StreamHandlers['closed']>) => {
        if (!isOver) handlers.closed(...how);
        isOver = true;
      };
      const open = async (): Promise<void> => {
        const { url, token } = request;
        const query = streamQuery(request);
        const isProtocol = PROTOCOL_CHARACTERS.test(token);
        if (!isProtocol) query.set('ticket', await request.ticket());
        if (isOver) return;
        const Socket = WebSocket ?? globalWebSocket();
        if (!Socket) throw new ChatError('PROTOCOL', 'Pass a WebSocket to webSocketTransport().');
        socket = new Socket(
          `${url.replace(/^http/, 'ws')}/ws/inbox/?${query}`,
          isProtocol ? ['chat.v1', `bearer.${token}`] : ['chat.v1'],
        );
        socket.onmessage = ({ data }: { data: unknown }) => {
          const frame = parseObject(String(data));
          if (frame && !isOver) handlers.frame(frame);
        };
        socket.onerror = () => {};
        socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason);
      };
      open().catch((error) => end(1006, '', asChatError(error)));
      return {
        send(frame) {
          if (socket?.readyState === OPEN) socket.send(JSON.stringify(frame));
        },
        close() {
          isOver = true;
          socket?.close(1000);
        },
      };
    },
  };
}

export function globalWebSocket(): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
}
