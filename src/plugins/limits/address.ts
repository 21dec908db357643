import type { FastifyRequest } from 'fastify';
import { canonicalAddress, type Network, networkOf, networksOf } from '../../domain/address.js';

/**
 * The client's IP address in canonical form. If a trusted proxy forwards something that is not an address, the proxy's own.
 * Empty when the connection is already closed: bytes that follow the request can end it before the request is handled.
 */
export function clientAddress(request: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  const ip: string | undefined = request.ip;
  if (ip === undefined) return '';
  return canonicalAddress(ip) ?? canonicalAddress(request.socket.remoteAddress ?? '') ?? '';
}

/**
 * The networks that the requests and sockets of an address count for. IPv4: the address alone, since an IPv4 network is shared
 * by many customers. IPv6: its /64, /56 and /48, since one customer may own any of these; wider networks have higher limits.
 */
export function countedNetworks(address: string): Network[] {
  return address.includes(':') ? networksOf(address) : [{ name: address, factor: 1 }];
}

/** The narrowest of the client's `countedNetworks`: its IPv4 address or IPv6 /64. Empty when the connection is closed. */
export function clientNetwork(request: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  const address = clientAddress(request);
  return address === '' ? '' : networkOf(address);
}
