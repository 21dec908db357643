import type { Frame } from '../wire/frame.js';

/**
 * A frame as one server-sent event. Its id, which an EventSource sends back as `Last-Event-ID` when it connects again, is the frame's
 * position or cursor; a frame without one leaves the id as it is. JSON has no line breaks, so the data is one line.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function eventText(frame: Frame): Buffer {
  const id = frame.position ?? frame.cursor;
  return Buffer.from(
    `event: ${frame.type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(frame)}\n\n`,
  );
}
