import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { FrameEncoding } from '../channels/frame-encoding.js';
import { Admission, type AdmissionOptions } from '../plugins/streams/admission.js';
import { chatEvents } from './chat-events.js';
import { type EventStreamRouteOptions, eventStreamRoute } from './event-stream-route.js';
import { eventText } from './event-text.js';
import { inboxEvents } from './inbox-events.js';

export interface SseOptions extends AdmissionOptions, EventStreamRouteOptions {}

/** Event streams: what the raw channel sends, as server-sent events (docs/sse.md). */
async function sse(app: FastifyInstance, options: SseOptions) {
  const admission = new Admission(app.services, options);
  const encoding = new FrameEncoding(eventText);
  eventStreamRoute(app, chatEvents(admission, app.services, encoding), options, encoding);
  eventStreamRoute(app, inboxEvents(admission, app.services, encoding), options, encoding);
}

export default fp(sse, { name: 'sse', dependencies: ['services', 'event-streams'] });
