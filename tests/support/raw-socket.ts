import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { FrameQueue, type StreamClient, type StreamClosed, StreamRefused } from './frame-queue.js';

/** A client's end of a raw channel. */
export class RawSocket extends FrameQueue implements StreamClient {
  readonly closed: Promise<StreamClosed>;

  private constructor(readonly socket: WebSocket) {
    super();
    socket.on('message', (data) => this.push(JSON.parse(data.toString())));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.over();
      });
    });
  }

  /** Resolves when the socket is open. @throws StreamRefused */
  static async open(url: string, options: ClientOptions & { protocols?: string[] } = {}): Promise<RawSocket> {
    const raw = new RawSocket(new WebSocket(url, options.protocols ?? [], options));
    await new Promise<void>((resolve, reject) => {
      raw.socket.once('open', resolve);
      raw.socket.once('error', reject);
      raw.socket.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString();
          reject(new StreamRefused(response.statusCode ?? 0, response.headers, body && JSON.parse(body)));
          raw.socket.terminate();
        });
      });
    });
    return raw;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close();
    await once(this.socket, 'close');
  }
}
