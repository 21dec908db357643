import type { FastifyRequest } from 'fastify';

/** The address that clients know this server by, without a slash at the end: its issuer (RFC 8414 §2, RFC 9207 §2). */
export type PublicAddress = (request: FastifyRequest) => string;

/** Without a configured address it is the one that the client itself used, as RFC 8414 §3.3 makes it check. */
export function publicAddress(configured: string | undefined): PublicAddress {
  return configured === undefined ? ({ protocol, host }) => `${protocol}://${host}` : () => configured;
}
