import type { ChatError } from './errors.js';
import type { Fetch } from './http.js';
import type { JsonObject } from './json.js';

/** What a transport needs to open the stream of all chats. */
export interface StreamRequest {
  /** The service's origin, without a slash at the end. */
  readonly url: string;
  readonly token: string;
  /** Resumes behind this position. */
  readonly after: string | undefined;
  readonly maxMissed: number;
  /** The chats whose signals (who is typing) are wanted, at most 20. */
  readonly signals: readonly string[];
  readonly fetch: Fetch;
  /** Asks for a single-use ticket in place of the token. */
  readonly ticket: () => Promise<string>;
}

/** What a transport tells of its stream. */
export interface StreamHandlers {
  /** A frame of the service. */
  frame(frame: JsonObject): void;
  /** Something came that is no frame. */
  alive(): void;
  /**
   * The stream is over; nothing follows.
   * @param code a close code of docs/raw-channel.md; 1006 when it was cut
   * @param error of a stream that was refused, if the transport can tell
   */
  closed(code: number, reason: string, error?: ChatError): void;
}

/** An open stream, or one that is being opened. */
export interface Stream {
  /** Undefined for a transport that only listens: what would be sent goes over HTTP. */
  readonly send: ((frame: object) => void) | undefined;
  /** Ends it. `closed` is not called any more. */
  close(): void;
}

/** How the client hears of everything: `webSocketTransport()` or `sseTransport()`. */
export interface Transport {
  open(request: StreamRequest, handlers: StreamHandlers): Stream;
}

/** The query of the inbox's stream. */
export function streamQuery({ after, maxMissed, signals }: StreamRequest): URLSearchParams {
  return new URLSearchParams({
    maxMissed: String(maxMissed),
    ...(after !== undefined && { after }),
    ...(signals.length > 0 && { signals: signals.join() }),
  });
}
