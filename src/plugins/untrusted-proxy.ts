import type { FastifyInstance } from 'fastify';
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
 * which all clients count as one address and share its limits, or a client that forges its address.
 */
async function untrustedProxy(app: FastifyInstance) {
  let hasWarned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    if (!hasWarned) {
      const header = FORWARDING_HEADERS.find((name) => request.headers[name] !== undefined);
      const { remoteAddress } = request.socket;
      // Behind a trusted proxy, `request.ip` is the client's address and not the connection's.
      if (header !== undefined && request.ip === remoteAddress) {
        hasWarned = true;
        app.log.warn(
          `${remoteAddress} sends ${header}, which is ignored. If it is your proxy, set TRUST_PROXY to its address: until then ` +
            'all clients behind it count as one address.',
        );
      }
    }
    done();
  });
}

export default fp(untrustedProxy, { name: 'untrusted-proxy' });
