import { asChatError, ChatError } from './errors.js';
import { parseObject } from './json.js';
import { type Stream, type StreamHandlers, type StreamRequest, streamQuery, type Transport } from './transport.js';

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
  return { open: (request, handlers) => new SocketStream(WebSocket ?? globalWebSocket(), request, handlers) };
}

export function globalWebSocket(): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
}

class SocketStream implements Stream {
  private socket: WebSocketLike | undefined;
  private isOver = false;

  constructor(
    WebSocket: WebSocketConstructor | undefined,
    request: StreamRequest,
    private readonly handlers: StreamHandlers,
  ) {
    this.open(WebSocket, request).catch((error: unknown) => this.end(1006, '', asChatError(error)));
  }

  readonly send = (frame: object): void => {
    if (this.socket?.readyState === OPEN) this.socket.send(JSON.stringify(frame));
  };

  close(): void {
    this.isOver = true;
    this.socket?.close(1000);
  }

  private async open(WebSocket: WebSocketConstructor | undefined, request: StreamRequest): Promise<void> {
    if (!WebSocket)
      throw new ChatError(
        'PROTOCOL',
        'There is no WebSocket: pass one to webSocketTransport(), or use sseTransport().',
      );
    const { url, token } = request;
    const query = streamQuery(request);
    const isProtocol = PROTOCOL_CHARACTERS.test(token);
    if (!isProtocol) query.set('ticket', await request.ticket());
    if (this.isOver) return;
    const address = `${url.replace(/^http/, 'ws')}/ws/inbox/?${query}`;
    const socket = new WebSocket(address, isProtocol ? ['chat.v1', `bearer.${token}`] : ['chat.v1']);
    this.socket = socket;
    socket.onmessage = ({ data }: { data: unknown }) => {
      const frame = typeof data === 'string' ? parseObject(data) : undefined;
      if (frame && !this.isOver) this.handlers.frame(frame);
    };
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.end(code, reason);
  }

  private end(...how: Parameters<StreamHandlers['closed']>): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handlers.closed(...how);
  }
}
