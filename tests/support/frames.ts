import { once } from 'node:events';
import net from 'node:net';
import { upgradeRequest } from './web-socket-app.js';

export interface FrameParts {
  opcode: number;
  payload?: Buffer | string;
  /** Default: true. */
  fin?: boolean;
  /** The three reserved bits, as a number from 0 to 7. */
  rsv?: number;
  /** Default: true, with a key that is not zero. */
  masked?: boolean;
  /** The length in the header, if it is to differ from the payload's. */
  announced?: bigint;
}

/** A client's frame, valid or not (https://datatracker.ietf.org/doc/html/rfc6455#section-5.2). */
export function frame({ opcode, payload = '', fin = true, rsv = 0, masked = true, announced }: FrameParts): Buffer {
  const data = Buffer.from(payload);
  const length = announced ?? BigInt(data.length);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126n
      ? Buffer.from([first, mask | Number(length)])
      : length < 65_536n
        ? Buffer.from([first, mask | 126, Number(length >> 8n), Number(length & 255n)])
        : Buffer.concat([Buffer.from([first, mask | 127]), uint64(length)]);
  if (!masked) return Buffer.concat([head, data]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  return Buffer.concat([head, key, data.map((byte, index) => byte ^ (key[index % 4] ?? 0))]);
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/** An upgraded TCP connection. It parses the server's frames and does nothing else of a WebSocket client. */
export class FrameClient {
  readonly frames: ServerFrame[] = [];
  private rest: Buffer;
  private wake = () => {};
  private ended = false;

  private constructor(
    readonly connection: net.Socket,
    /** The answer to the upgrade. */
    readonly head: string,
    rest: Buffer,
  ) {
    this.rest = rest;
    connection.on('data', (chunk) => {
      this.rest = Buffer.concat([this.rest, chunk]);
      this.read();
    });
    connection.on('close', () => {
      this.ended = true;
      this.wake();
    });
    this.read();
  }

  static async open(port: number, path: string, headers: Record<string, string>): Promise<FrameClient> {
    const connection = net.connect(port, '127.0.0.1');
    connection.on('error', () => {});
    connection.write(upgradeRequest(path, headers));
    let bytes = Buffer.alloc(0);
    while (!bytes.includes('\r\n\r\n')) {
      const [chunk]: Buffer[] = await once(connection, 'data');
      bytes = Buffer.concat([bytes, chunk ?? Buffer.alloc(0)]);
    }
    const end = bytes.indexOf('\r\n\r\n') + 4;
    return new FrameClient(connection, bytes.toString('latin1', 0, end), bytes.subarray(end));
  }

  /** Resolves to the match when the server has sent it; to undefined when the connection ended first. */
  async find(isWanted: (frame: ServerFrame) => boolean): Promise<ServerFrame | undefined> {
    for (;;) {
      const found = this.frames.find(isWanted);
      if (found || this.ended) return found;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** The code of the server's close frame: 1005 when it has none, 1006 without a close frame. */
  async closeCode(): Promise<number> {
    const close = await this.find(({ opcode }) => opcode === 8);
    if (!close) return 1006;
    return close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(0);
  }

  private read(): void {
    for (;;) {
      const [first, second] = this.rest;
      if (first === undefined || second === undefined) return;
      const extended = second === 126 ? 2 : second === 127 ? 8 : 0;
      const start = 2 + extended;
      if (this.rest.length < start) return;
      const length =
        extended === 2 ? this.rest.readUInt16BE(2) : extended === 8 ? Number(this.rest.readBigUInt64BE(2)) : second;
      if (this.rest.length < start + length) return;
      this.frames.push({ opcode: first & 15, payload: this.rest.subarray(start, start + length) });
      this.rest = this.rest.subarray(start + length);
      this.wake();
    }
  }
}
