import { asChatError, ChatError } from './errors.js';
import { EventStreamParser } from './event-stream-parser.js';
import { refusalOf } from './http.js';
import { parseObject } from './json.js';
import { type Stream, type StreamHandlers, type StreamRequest, streamQuery } from './transport.js';

/** The stream of `/sse/inbox/`, read by `fetch`. */
export class EventStream implements Stream {
  readonly send = undefined;
  private readonly closing = new AbortController();
  /** What the last event, `closing`, said. */
  private farewell: [code: number, reason: string] = [1006, ''];

  constructor(
    request: StreamRequest,
    private readonly handlers: StreamHandlers,
  ) {
    const { signal } = this.closing;
    this.read(request).then(
      () => signal.aborted || handlers.closed(...this.farewell),
      (error: unknown) => signal.aborted || handlers.closed(1006, '', asChatError(error)),
    );
  }

  close(): void {
    this.closing.abort();
  }

  private async read(request: StreamRequest): Promise<void> {
    const headers = { authorization: `Bearer ${request.token}`, accept: 'text/event-stream' };
    const { signal } = this.closing;
    const init: RequestInit = { headers, signal };
    const response = await request.fetch(`${request.url}/sse/inbox/?${streamQuery(request)}`, init);
    if (response.status !== 200 || !response.body)
      throw refusalOf(response, parseObject(await response.text().catch(() => '')));
    const parser = new EventStreamParser((data) => this.take(data));
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.handlers.alive();
      parser.push(decoder.decode(value, { stream: true }));
    }
  }

  private take(data: string): void {
    const frame = parseObject(data);
    if (!frame || this.closing.signal.aborted) return;
    const { type, code, reason } = frame;
    if (type !== 'closing') this.handlers.frame(frame);
    else if (typeof code !== 'number') throw new ChatError('PROTOCOL', 'The service ended the stream without a code.');
    else this.farewell = [code, String(reason)];
  }
}
