import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { FORWARDING_HEADERS } from '../untrusted-proxy.js';

/**
 * Whether the request may read the metrics. With a token, the token must be the right one; without, the request must come from this
 * machine, and not through a proxy on it.
 */
export function mayReadMetrics(request: FastifyRequest, token: string | undefined): boolean {
  const { authorization } = request.headers;
  if (authorization !== undefined) return token !== undefined && isSame(authorization, `Bearer ${token}`);
  return isLoopback(request.socket.remoteAddress ?? '') && !isForwarded(request);
}

function isForwarded({ headers }: FastifyRequest): boolean {
  return FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** In a time that does not depend on what differs. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
