import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { clientFrame, PONG, TEXT } from './client-frame.js';
import { EventReader } from './event-reader.js';
import { FrameReader, type FrameSink } from './frame-reader.js';

export interface StreamListener {
  text(bytes: Buffer, start: number, end: number): void;
  /** The connection is lost or closed, by whomever. */
  closed(how: string): void;
}

export interface Upgrade {
  path: string;
  headers: Record<string, string>;
  /** The request is for an event stream, and no upgrade. */
  isEventStream?: boolean;
}

const OPENING_PATIENCE_MS = 20_000;
const END_OF_HEAD = '\r\n\r\n';
/** Every socket of the process reads into it: what is in it is dealt with before the next one reads. */
const sharedBytes = Buffer.allocUnsafe(256 * 1024);

/** As little of a client as can open a WebSocket or an event stream, hear text and, on a WebSocket, send text. */
export class StreamConnection implements FrameSink {
  private readonly reader: { read(chunk: Buffer): void };
  private readonly socket: Socket;
  private head: Buffer | undefined = Buffer.alloc(0);
  private isClosed = false;
  private onOpen: (() => void) | undefined;
  private onRefused: ((error: Error) => void) | undefined;

  private constructor(
    port: number,
    private readonly request: Upgrade,
    private readonly listener: StreamListener,
  ) {
    this.reader = request.isEventStream ? new EventReader(this) : new FrameReader(this);
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: sharedBytes,
        callback: (length) => {
          this.received(sharedBytes.subarray(0, length));
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.end(error.message));
    this.socket.on('close', () => this.end('the connection was cut'));
    this.socket.write(requestHead(port, request));
  }

  /** Resolves when the server has agreed. Rejects with its answer otherwise. */
  static async open(port: number, upgrade: Upgrade, listener: StreamListener): Promise<StreamConnection> {
    const client = new StreamConnection(port, upgrade, listener);
    const timer = setTimeout(() => client.end('no answer to the upgrade'), OPENING_PATIENCE_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        client.onOpen = resolve;
        client.onRefused = reject;
      });
    } finally {
      clearTimeout(timer);
      client.onRefused = undefined;
    }
    return client;
  }

  send(text: string): void {
    this.socket.write(clientFrame(TEXT, Buffer.from(text)));
  }

  /** Cuts the connection; nobody is told. */
  destroy(): void {
    this.isClosed = true;
    this.socket.destroy();
  }

  text(bytes: Buffer, start: number, end: number): void {
    this.listener.text(bytes, start, end);
  }

  ping(payload: Buffer): void {
    this.socket.write(clientFrame(PONG, payload));
  }

  closing(code: number, reason: string): void {
    this.end(`close code ${code} ${reason}`);
  }

  unexpected(what: string): void {
    this.end(what);
  }

  private received(bytes: Buffer): void {
    if (!this.head) {
      this.reader.read(bytes);
      return;
    }
    this.head = Buffer.concat([this.head, bytes]);
    const end = this.head.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const answer = this.head.toString('latin1', 0, end);
    const rest = this.head.subarray(end + END_OF_HEAD.length);
    this.head = undefined;
    if (!answer.startsWith(this.request.isEventStream ? 'HTTP/1.1 200 ' : 'HTTP/1.1 101 ')) {
      this.end(`the request was answered ${answer.split('\r\n', 1)[0]} ${rest.toString()}`);
      return;
    }
    this.onOpen?.();
    this.reader.read(rest);
  }

  private end(how: string): void {
    if (this.isClosed) return;
    this.destroy();
    if (this.onRefused) this.onRefused(new Error(`A socket did not open: ${how}.`));
    else this.listener.closed(how);
  }
}

function requestHead(port: number, { path, headers, isEventStream = false }: Upgrade): string {
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
  const all = { Host: `127.0.0.1:${port}`, ...(!isEventStream && upgrade), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}${END_OF_HEAD}`;
}
