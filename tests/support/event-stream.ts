import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { EventStreamParser, type ServerSentEvent } from './event-stream-parser.js';
import { FrameQueue, type StreamClient, type StreamClosed, StreamRefused } from './frame-queue.js';

export interface EventStreamOptions {
  headers?: Record<string, string>;
  method?: string;
}

const CLOSED: StreamClosed = { code: 1006, reason: '' };

/** A client of an event stream that notes all that it gets. Anything that the service does not write is an error. */
export class EventStreamClient extends FrameQueue implements StreamClient {
  readonly events: ServerSentEvent[] = [];
  /** Reconnection times that were sent. */
  readonly retries: number[] = [];
  comments = 0;
  readonly closed: Promise<StreamClosed>;
  private malformed: unknown;

  private constructor(readonly response: IncomingMessage) {
    super();
    const parser = new EventStreamParser({
      event: (event) => {
        this.events.push(event);
        this.push(JSON.parse(event.data));
      },
      retry: (ms) => this.retries.push(ms),
      comment: () => {
        this.comments += 1;
      },
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      try {
        parser.push(text);
      } catch (error) {
        this.malformed ??= error;
        response.destroy();
      }
    });
    // A connection that is cut is an error where the length of the body is known by its end.
    response.on('error', () => {});
    this.closed = new Promise((resolve, reject) => {
      response.on('close', () => {
        this.over();
        const last = this.frames.at(-1);
        if (this.malformed) reject(this.malformed);
        else resolve(last?.type === 'closing' ? { code: Number(last.code), reason: String(last.reason) } : CLOSED);
      });
    });
    this.closed.catch(() => {});
  }

  /** Resolves when the stream is open. @throws StreamRefused for any other answer */
  static async open(
    url: string,
    { headers = {}, method = 'GET' }: EventStreamOptions = {},
  ): Promise<EventStreamClient> {
    const request = httpRequest(url, { method, headers, agent: false });
    request.end();
    const [response]: IncomingMessage[] = await once(request, 'response');
    if (!response) throw new Error('There is no answer.');
    if (response.statusCode === 200 && response.headers['content-type'] === 'text/event-stream')
      return new EventStreamClient(response);
    const chunks: Buffer[] = [];
    response.on('data', (chunk) => chunks.push(chunk));
    await once(response, 'end');
    const body = Buffer.concat(chunks).toString();
    throw new StreamRefused(response.statusCode ?? 0, response.headers, body && JSON.parse(body));
  }

  /** The id that an EventSource would send when it comes back; empty before the first. */
  get lastEventId(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  pause(): void {
    this.response.socket.pause();
  }

  resume(): void {
    this.response.socket.resume();
  }

  /** Cuts the connection, as an EventSource does. */
  async close(): Promise<void> {
    this.response.destroy();
    await this.closed;
  }
}
