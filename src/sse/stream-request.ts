import type { FastifyRequest } from 'fastify';
import type { StreamRequest } from '../plugins/streams/admission.js';

/**
 * What the checks before a stream see of a request for an event stream. `Last-Event-ID` takes the place of `?after=`: an EventSource
 * that connects again does so with the URL that it was opened with. Of the headers only `Authorization` is a way to present a token.
 */
export function streamRequest({ url, headers }: FastifyRequest): StreamRequest {
  const { authorization } = headers;
  const lastEventId = headers['last-event-id'];
  // An id that is empty is none: https://html.spec.whatwg.org/multipage/server-sent-events.html#last-event-id
  if (typeof lastEventId !== 'string' || lastEventId === '') return { url, headers: { authorization } };
  const [path, query] = splitQuery(url);
  query.set('after', lastEventId);
  return { url: `${path}?${query}`, headers: { authorization } };
}

/** The ticket of a request; null for one without. */
export function ticketOf({ url }: FastifyRequest): string | null {
  return splitQuery(url)[1].get('ticket');
}

function splitQuery(url: string): [path: string, query: URLSearchParams] {
  const end = url.indexOf('?');
  return end === -1 ? [url, new URLSearchParams()] : [url.slice(0, end), new URLSearchParams(url.slice(end + 1))];
}
