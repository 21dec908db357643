import { ChatChannel } from '../channels/chat-channel.js';
import type { FrameEncoding } from '../channels/frame-encoding.js';
import type { Services } from '../plugins/services.js';
import type { Admission, Admitted } from '../plugins/streams/admission.js';
import type { EventStreamRoute } from './event-stream-route.js';

/** `/sse/chat/<name or id>/`: the events of one chat. */
export function chatEvents(
  admission: Admission,
  services: Services,
  encoding: FrameEncoding,
): EventStreamRoute<Admitted> {
  return {
    // A wildcard: the router limits a `:parameter` to 100 UTF-16 units, and a name of 100 characters may have 200.
    url: '/sse/chat/*',
    kind: 'sse_chat',
    // The trailing slash is optional. No chat name contains a slash.
    admit: (request, path) => admission.admitToChat({ name: path.replace(/\/$/, ''), ...request }),
    channel: (stream, admitted) => new ChatChannel(stream, admitted, { services, encoding }),
  };
}
