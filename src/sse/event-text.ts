import type { FrameEncoder } from '../channels/frame-encoding.js';

/**
 * A frame as one server-sent event. Its id, which an EventSource sends back as `Last-Event-ID` when it connects again, is the frame's
 * position or cursor; a frame without one leaves the id as it is. JSON has no line breaks, so the data is one line.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export const eventText: FrameEncoder = ({ type, position, cursor }, json) => {
  const id = position ?? cursor;
  return Buffer.from(`event: ${type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${json}\n\n`);
};
