import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** How long running requests may take to finish once the process drains, in milliseconds. */
const TIMEOUT_MS = 5000;

/**
 * Bounds the drain of HTTP requests: `app.close()` waits for running requests, and connections still open after the timeout are cut. That
 * includes connections on which no request was ever sent. `websocket/plugin.ts` closes the sockets, and `services.ts` finishes the
 * sends under way.
 */
async function drainTimeout(app: FastifyInstance, { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number }) {
  let timer: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  });
  app.addHook('onClose', async () => clearTimeout(timer));
}

export default fp(drainTimeout, { name: 'drain-timeout' });
