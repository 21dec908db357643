import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { within } from '../domain/within.js';

/** How long a part may take to answer before it counts as away, in milliseconds. */
const PATIENCE_MS = 2000;

/**
 * `GET /healthz`: the process lives. `GET /readyz`: database and bus answer; 503, with which does not, when one is away or
 * the process is draining.
 */
async function health(app: FastifyInstance) {
  let draining = false;
  app.addHook('preClose', async () => {
    draining = true;
  });
  app.get('/healthz', { logLevel: 'warn', config: { isUnlimited: true } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { logLevel: 'warn', config: { isUnlimited: true } }, async (_request, reply) => {
    const [database, bus] = await Promise.all([
      state(() => app.db.pool.query('SELECT 1')),
      state(() => app.bus.check()),
    ]);
    const ready = database === 'ok' && bus === 'ok' && !draining;
    const status = draining ? 'draining' : ready ? 'ok' : 'unavailable';
    return reply
      .code(ready ? 200 : 503)
      .header('Cache-Control', 'no-store')
      .send({ status, database, bus });
  });
}

async function state(check: () => Promise<unknown>): Promise<'ok' | 'away'> {
  const answer = check().then(
    () => 'ok' as const,
    () => 'away' as const,
  );
  return (await within(PATIENCE_MS, answer)) ?? 'away';
}

export default fp(health, { name: 'health', dependencies: ['prisma', 'bus'] });
