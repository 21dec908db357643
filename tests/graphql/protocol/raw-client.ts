import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface RawClientOptions {
  /** Null offers none. */
  subprotocol?: string | null;
  headers?: Record<string, string>;
}

/** A client that says what it is told, right or wrong. */
export class RawClient {
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly received: unknown[] = [];
  private wake: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.received.push(JSON.parse(data.toString()));
      this.wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.wake();
      });
    });
  }

  static async open(url: string, { subprotocol = 'graphql-transport-ws', ...options }: RawClientOptions = {}) {
    const client = new RawClient(new WebSocket(url, subprotocol === null ? [] : [subprotocol], options));
    await once(client.socket, 'open');
    return client;
  }

  /** A client whose connection is acknowledged. */
  static async signedIn(url: string, token: string): Promise<RawClient> {
    const client = await RawClient.open(url);
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    await client.expect({ type: 'connection_ack' });
    return client;
  }

  /** Sends frames in one turn, so that they arrive together: objects as JSON, texts and buffers as they are. */
  send(...frames: (object | string | Buffer)[]): void {
    for (const frame of frames)
      this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  subscribe(id: string, query: string, rest: object = {}): void {
    this.send({ type: 'subscribe', id, payload: { query, ...rest } });
  }

  /** The next message. @throws when the socket closes first. */
  async next(): Promise<unknown> {
    while (this.received.length === 0) {
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`The socket was closed: ${JSON.stringify(await this.closed)}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received.shift();
  }

  async expect(message: object): Promise<void> {
    const next = await this.next();
    if (JSON.stringify(next) !== JSON.stringify(message)) throw new Error(`Got ${JSON.stringify(next)}`);
  }

  /** What has come until the answer to a ping, which the server gives after all that went before. */
  async until(mark: string): Promise<unknown[]> {
    this.send({ type: 'ping', payload: { mark } });
    const messages: unknown[] = [];
    for (;;) {
      const message = await this.next();
      if (JSON.stringify(message) === JSON.stringify({ type: 'pong', payload: { mark } })) return messages;
      messages.push(message);
    }
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.socket.terminate();
  }
}
