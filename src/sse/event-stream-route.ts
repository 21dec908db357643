import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Channel } from '../channels/channel.js';
import type { FrameEncoding } from '../channels/frame-encoding.js';
import { Listener } from '../channels/listener.js';
import { isToken } from '../domain/access/tokens/opaque-token.js';
import { BearerError } from '../plugins/bearer.js';
import type { EventStream } from '../plugins/event-stream/event-stream.js';
import { holderOf } from '../plugins/limits/holder.js';
import { hasBody } from '../plugins/limits/incoming-bodies.js';
import { isLastRequest } from '../plugins/limits/pipelining.js';
import { type AdmittedUser, StreamRefusal, type StreamRequest } from '../plugins/streams/admission.js';
import type { ConnectionKind } from '../plugins/streams/connection-counts.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import { type AllowedOrigins, isOriginAllowed } from '../plugins/websocket/origin.js';
import { closingFrame } from '../wire/frames.js';
import { streamRequest, ticketOf } from './stream-request.js';

export interface EventStreamRouteOptions {
  /** Origins whose pages may open a stream, in addition to the service's own; the list that CORS uses. */
  corsAllowedOrigins: AllowedOrigins;
  /** The service's public origin. */
  publicUrl: string | undefined;
  /** Frees the slot of a running request; its result takes the slot back (`plugins/limits/overload.ts`). */
  yieldSlot?: () => () => void;
}

/** Something that can be listened to over server-sent events. */
export interface EventStreamRoute<Admitted extends AdmittedUser> {
  url: string;
  kind: ConnectionKind;
  /** @param path the URL's part that stands for `*`, percent-decoded. @throws BearerError, StreamRefusal */
  admit(request: StreamRequest, path: string): Promise<Admitted>;
  channel(stream: EventStream, admitted: Admitted): Channel;
}

interface Route {
  Params: { '*'?: string };
}

/**
 * Serves GET on a path with an event stream, and refuses other methods.
 * @param encoding one for all event streams, so that an event is encoded once
 */
export function eventStreamRoute<Admitted extends AdmittedUser>(
  app: FastifyInstance,
  { url, kind, admit, channel }: EventStreamRoute<Admitted>,
  options: EventStreamRouteOptions,
  encoding: FrameEncoding,
): void {
  const { services, log, eventStreams, addressSockets } = app;
  const closingEvent = (disconnect: Disconnect) => encoding.frame(closingFrame(disconnect));

  const open = async (request: FastifyRequest<Route>, reply: FastifyReply) => {
    reply.header('Cache-Control', 'no-store');
    if (options.yieldSlot) reply.raw.once('close', options.yieldSlot());
    checkRequest(request, options);
    const { socket } = request.raw;
    const release = addressSockets.take(request);
    let isOpen = false;
    try {
      const admitted = await admit(streamRequest(request), request.params['*'] ?? '');
      // The deadline has answered, or the client has gone.
      if (reply.sent || socket.destroyed) return reply.hijack();
      if (!isLastRequest(reply.raw)) throw somethingFollows();
      const holder = holderOf(admitted.viewer);
      const stream = eventStreams.open(reply, { kind, holder, closingEvent, onClose: release });
      isOpen = true;
      const context = { services, encoding, log, requestId: request.id };
      const listener = new Listener(stream, admitted, channel(stream, admitted), context);
      stream.consumer = listener;
      void listener.start();
      return reply;
    } catch (error) {
      if (!isUnredeemable(request, error)) throw error;
      // The only answer without an error that ends an EventSource, which would otherwise come back with this ticket for ever.
      return reply.code(204).send();
    } finally {
      if (!isOpen) release();
    }
  };

  const refuse = async (_request: FastifyRequest, reply: FastifyReply) =>
    reply.code(405).header('Allow', 'GET').send({ error: 'method_not_allowed', message: 'Only GET is allowed.' });
  const others = app.supportedMethods.filter((method) => method !== 'GET');
  app.route<Route>({ method: 'GET', url, exposeHeadRoute: false, config: { opensEventStream: true }, handler: open });
  app.route({ method: others, url, onRequest: refuse, handler: refuse });
}

/** The checks that need no token. @throws StreamRefusal, BearerError */
function checkRequest(request: FastifyRequest, { corsAllowedOrigins, publicUrl }: EventStreamRouteOptions): void {
  if (hasBody(request)) throw somethingFollows();
  if (!isOriginAllowed(request.headers.origin, { publicUrl, host: request.host }, corsAllowedOrigins))
    throw new StreamRefusal(403, 'forbidden_origin', 'Pages of this origin may not connect.');
  const ticket = ticketOf(request);
  if (ticket !== null && !isToken('ticket', ticket)) throw BearerError.malformed('The ticket is malformed.');
}

/** Whether the request has a ticket that is unknown, expired or used. Another token beside it is refused before. */
function isUnredeemable(request: FastifyRequest, error: unknown): boolean {
  return error instanceof BearerError && error.error === 'invalid_token' && ticketOf(request) !== null;
}

function somethingFollows(): StreamRefusal {
  return new StreamRefusal(400, 'bad_request', 'Nothing may follow the request for an event stream on its connection.');
}
