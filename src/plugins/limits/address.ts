import { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';

/**
 * Whom a request is counted for: its address, one of IPv6 by its /64. Empty when the connection is gone already, and its
 * address with it: bytes that came behind the request can end it before the request is looked at.
 */
export function addressOf(request: Pick<FastifyRequest, 'ip'>): string {
  const ip: string | undefined = request.ip;
  return ip === undefined ? '' : normalizeIP(ip);
}
