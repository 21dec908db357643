import { asChatError } from './errors.js';
import type { Stream, Transport } from './transport.js';

/**
 * `/sse/inbox/`: for networks that let no WebSocket through, and for Node.js before 22. What is sent goes over HTTP. Its code is loaded when
 * it is used.
 */
export function sseTransport(): Transport {
  return {
    open(request, handlers) {
      let isOver = false;
      let stream: Stream | undefined;
      import('./event-stream.js').then(
        ({ EventStream }) => {
          if (!isOver) stream = new EventStream(request, handlers);
        },
        (error) => isOver || handlers.closed(1006, '', asChatError(error)),
      );
      return {
        send: undefined,
        close() {
          isOver = true;
          stream?.close();
        },
      };
    },
  };
}
