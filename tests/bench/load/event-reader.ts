const END_OF_EVENT = '\n\n';
const DATA = '\ndata: ';

/**
 * Splits an event stream into the data of its events, which is one line. It copies only an incomplete event, as `FrameReader` does.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class EventReader {
  private rest: Buffer | undefined;

  /** @param sink gets `bytes` from `start` to `end`, valid only during the call */
  constructor(private readonly sink: { text(bytes: Buffer, start: number, end: number): void }) {}

  /** `chunk` may be overwritten afterwards. */
  read(chunk: Buffer): void {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = undefined;
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(END_OF_EVENT, at);
      if (end === -1) break;
      const data = bytes.indexOf(DATA, at);
      // Comments and reconnection times have none.
      if (data !== -1 && data < end) this.sink.text(bytes, data + DATA.length, end);
      at = end + END_OF_EVENT.length;
    }
    if (at < bytes.length) this.rest = Buffer.from(bytes.subarray(at));
  }
}
