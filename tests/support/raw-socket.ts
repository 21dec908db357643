import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';

export type Frame = Record<string, unknown> & { type: string };

/** An upgrade that was answered with an HTTP status. */
export class UpgradeRefused extends Error {
  constructor(
    readonly status: number,
    readonly headers: NodeJS.Dict<string | string[]>,
    readonly body: unknown,
  ) {
    super(`The upgrade was answered ${status}`);
  }
}

/** A client's end of a raw channel: frames are taken in the order they came, and waited for. */
export class RawSocket {
  /** Every frame that came, taken or not. */
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private taken = 0;
  private wake: (() => void) | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.frames.push(JSON.parse(data.toString()));
      this.wake?.();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.wake?.();
      });
    });
  }

  /** Resolves when the socket is open. @throws UpgradeRefused */
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
          reject(new UpgradeRefused(response.statusCode ?? 0, response.headers, body && JSON.parse(body)));
          raw.socket.terminate();
        });
      });
    });
    return raw;
  }

  /** The next frame, whatever it is; with a type, frames of other types before it are skipped. */
  async next(type?: string): Promise<Frame> {
    for (;;) {
      const frame = this.frames[this.taken];
      if (frame) {
        this.taken += 1;
        if (type === undefined || frame.type === type) return frame;
      } else if (this.socket.readyState === WebSocket.CLOSED) {
        throw new Error(`The socket was closed before a frame ${type ?? ''} came.`);
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  async take(count: number, type?: string): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next(type));
    return frames;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close();
    await once(this.socket, 'close');
  }
}
