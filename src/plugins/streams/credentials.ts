import type { IncomingHttpHeaders } from 'node:http';
import { BearerError, bearerToken } from '../bearer.js';

/** A credential that a client presented. */
export type Credential = { kind: 'token' | 'ticket'; secret: string };

const TOKEN_SUBPROTOCOL = 'bearer.';

/**
 * Returns the credential of a request that opens a stream; null when it has none. A browser can set `Authorization` neither on a
 * WebSocket nor on an EventSource, so it sends its token as a subprotocol or a ticket in the query.
 *
 * @throws BearerError 400 for a malformed header or more than one credential
 * (https://datatracker.ietf.org/doc/html/rfc6750#section-2)
 */
export function presentedCredential(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
  { allowQueryToken }: { allowQueryToken: boolean },
): Credential | null {
  const header = bearerToken(headers.authorization);
  const credentials: Credential[] = [
    ...(header === null ? [] : [token(header)]),
    ...offeredSubprotocols(headers)
      .filter((offer) => offer.startsWith(TOKEN_SUBPROTOCOL))
      .map((offer) => token(offer.slice(TOKEN_SUBPROTOCOL.length))),
    ...query.getAll('ticket').map((secret): Credential => ({ kind: 'ticket', secret })),
    ...(allowQueryToken ? query.getAll('token').map(token) : []),
  ];
  if (credentials.length > 1) throw BearerError.malformed('Present one token, in one way.');
  return credentials[0] ?? null;
}

/** The subprotocols that the client offers, in its order. */
export function offeredSubprotocols(headers: IncomingHttpHeaders): string[] {
  const offers = headers['sec-websocket-protocol']?.split(',') ?? [];
  return offers.map((offer) => offer.trim());
}

function token(secret: string): Credential {
  return { kind: 'token', secret };
}
