import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { FlushScheduler } from '../../delivery/flush-scheduler.js';
import type { EventStreamOptions } from './event-stream.js';
import { EventStreams } from './event-streams.js';

declare module 'fastify' {
  interface FastifyInstance {
    eventStreams: EventStreams;
  }
}

export interface EventStreamsOptions extends Partial<Omit<EventStreamOptions, 'flushScheduler' | 'counts'>> {
  flushScheduler: FlushScheduler;
  /** How often the health of the streams is checked, in milliseconds. */
  checkIntervalMs?: number;
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) with the limits that WebSockets have. */
async function eventStreams(app: FastifyInstance, options: EventStreamsOptions) {
  const { flushScheduler, commentSeconds = 15, stallMs = 10_000, checkIntervalMs = 1000 } = options;
  const counts = app.connectionCounts;
  const streams = new EventStreams(app.userSockets, app.unsentBytes, {
    flushScheduler,
    commentSeconds,
    stallMs,
    counts,
  });
  app.decorate('eventStreams', streams);
  const timer = setInterval(() => streams.checkHealth(), checkIntervalMs).unref();
  app.addHook('preClose', () => streams.drain());
  app.addHook('onClose', async () => clearInterval(timer));
}

export default fp(eventStreams, { name: 'event-streams', dependencies: ['websocket'] });
