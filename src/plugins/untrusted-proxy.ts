import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Headers in which proxies forward the client's address, scheme and host. https://datatracker.ietf.org/doc/html/rfc7239 */
export const FORWARDING_HEADERS = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'x-forwarded-proto',
  'x-forwarded-host',
];

/**
 * Logs one warning when an untrusted peer sends forwarding headers. It is either a proxy that TRUST_PROXY does not name, behind
 * which all clients count as one address and share its limits, or a client that forges its address. The same for a proxy that does not
 * say which client it forwards.
 */
async function untrustedProxy(app: FastifyInstance) {
  let hasWarned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    if (!hasWarned) {
      const header = FORWARDING_HEADERS.find((name) => request.headers[name] !== undefined);
      if (header !== undefined && !isFromTrusted(request)) {
        hasWarned = true;
        app.log.warn(warning(request.socket.remoteAddress ?? '', header));
      }
    }
    done();
  });
}

/** Whether the peer is trusted, and its X-Forwarded-For was used: then its address is not the only one. */
function isFromTrusted({ ips }: FastifyRequest): boolean {
  return ips !== undefined && ips.length > 1;
}

function warning(peer: string, header: string): string {
  const effect = 'until then all clients behind it count as one address.';
  if (header !== 'x-forwarded-for')
    return `${peer} sends ${header} without X-Forwarded-For. If it is your proxy, let it send that, and set TRUST_PROXY to its address: ${effect}`;
  return `${peer} sends ${header}, which is ignored. If it is your proxy, set TRUST_PROXY to its address: ${effect}`;
}

export default fp(untrustedProxy, { name: 'untrusted-proxy' });
