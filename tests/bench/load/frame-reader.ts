export interface FrameSink {
  /** A text message: `bytes` from `start` to `end`, valid only during the call. */
  text(bytes: Buffer, start: number, end: number): void;
  ping(payload: Buffer): void;
  /** The peer's close frame. */
  closing(code: number, reason: string): void;
  /** What a server does not send: fragments, masks, binary frames. */
  unexpected(what: string): void;
}

const TEXT = 0x81;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

/**
 * Splits a server's bytes into WebSocket frames. It copies only an incomplete frame, because a load generator that costs more than
 * the server would measure itself. https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
 */
export class FrameReader {
  private rest: Buffer | undefined;

  constructor(private readonly sink: FrameSink) {}

  /** `chunk` may be overwritten afterwards. */
  read(chunk: Buffer): void {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = undefined;
    let at = 0;
    while (bytes.length - at >= 2) {
      const start = at + headerLength(bytes, at);
      if (start > bytes.length) break;
      const end = start + payloadLength(bytes, at);
      if (end > bytes.length) break;
      this.frame(bytes.readUInt8(at), bytes, start, end);
      at = end;
    }
    if (at < bytes.length) this.rest = Buffer.from(bytes.subarray(at));
  }

  private frame(head: number, bytes: Buffer, start: number, end: number): void {
    if (head === TEXT) this.sink.text(bytes, start, end);
    else if (head === PING) this.sink.ping(Buffer.from(bytes.subarray(start, end)));
    else if (head === CLOSE)
      this.sink.closing(end - start < 2 ? 1005 : bytes.readUInt16BE(start), bytes.toString('utf8', start + 2, end));
    else if (head !== PONG) this.sink.unexpected(`a frame that begins with 0x${head.toString(16)}`);
  }
}

function headerLength(bytes: Buffer, at: number): number {
  const short = bytes.readUInt8(at + 1);
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

function payloadLength(bytes: Buffer, at: number): number {
  const short = bytes.readUInt8(at + 1);
  if (short < 126) return short;
  return short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
}
