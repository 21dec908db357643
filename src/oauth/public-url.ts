import type { FastifyRequest } from 'fastify';
import { OAuthProblem } from './problem.js';

/** Returns the server's public URL, which is also its issuer, without a trailing slash (RFC 8414 §2, RFC 9207 §2). */
export type PublicUrlOf = (request: FastifyRequest) => string;

/** The configured URL. By default the one that the request used: clients verify that the two are equal (RFC 8414 §3.3). */
export function createPublicUrlOf(configured: string | undefined): PublicUrlOf {
  return configured === undefined ? ({ protocol, host }) => `${protocol}://${host}` : () => configured;
}

/** In production the issuer and the cookie's host must be configured: a client can put anything into the `Host` header. */
export function publicUrlMissing(request: FastifyRequest): OAuthProblem {
  request.log.warn(
    'Signing in on a page and the metadata need PUBLIC_URL, the address that clients know this service by.',
  );
  return new OAuthProblem('server_error', 'This server does not know its public address: PUBLIC_URL is not set.', {
    status: 501,
  });
}
