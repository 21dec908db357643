import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** How long requests may still run once the process drains, in milliseconds. */
const PATIENCE_MS = 5000;

/** Closing waits for running requests, but not for ever: nor for a connection that was opened and never asked for anything. */
async function drain(app: FastifyInstance, { patienceMs = PATIENCE_MS }: { patienceMs?: number }) {
  let timer: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), patienceMs);
  });
  app.addHook('onClose', async () => clearTimeout(timer));
}

export default fp(drain, { name: 'drain' });
