import type { FrameEncoding } from '../channels/frame-encoding.js';
import { InboxChannel } from '../channels/inbox-channel.js';
import type { Services } from '../plugins/services.js';
import type { Admission, AdmittedToInbox } from '../plugins/streams/admission.js';
import type { EventStreamRoute } from './event-stream-route.js';

/** `/sse/inbox/`: the events of all chats of the user. */
export function inboxEvents(
  admission: Admission,
  services: Services,
  encoding: FrameEncoding,
): EventStreamRoute<AdmittedToInbox> {
  return {
    url: '/sse/inbox',
    kind: 'sse_inbox',
    admit: (request) => admission.admitToInbox(request),
    channel: (stream, admitted) => new InboxChannel(stream, admitted, { services, encoding }),
  };
}
