import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { within } from '../domain/within.js';

/** How long the database or the bus may take to answer before it counts as away, in milliseconds. */
const TIMEOUT_MS = 2000;
/** How long one check's result is reused, in milliseconds. */
const CACHE_MS = 1000;

type State = 'ok' | 'away';
type Parts = { database: State; bus: State };

/**
 * `GET /healthz` answers 200 while the process lives. `GET /readyz` answers 200 when the database and the bus answer, and 503,
 * naming the part, when one does not or the process is draining. Neither is rate limited, so that no load balancer is
 * refused; `/readyz` checks at most once a second.
 */
async function health(app: FastifyInstance) {
  let draining = false;
  app.addHook('preClose', async () => {
    draining = true;
  });
  const check = sharedFor(CACHE_MS, async (): Promise<Parts> => {
    const [database, bus] = await Promise.all([
      state(() => app.db.pool.query('SELECT 1')),
      state(() => app.bus.check()),
    ]);
    return { database, bus };
  });
  app.get('/healthz', { logLevel: 'warn', config: { isUnlimited: true } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { logLevel: 'warn', config: { isUnlimited: true } }, async (_request, reply) => {
    const { database, bus } = await check();
    const ready = database === 'ok' && bus === 'ok' && !draining;
    const status = draining ? 'draining' : ready ? 'ok' : 'unavailable';
    return reply
      .code(ready ? 200 : 503)
      .header('Cache-Control', 'no-store')
      .send({ status, database, bus });
  });
}

/** Shares one call of `run` among all callers while it runs and for `cacheMs` after its end. */
function sharedFor<T>(cacheMs: number, run: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let staleAt = Number.POSITIVE_INFINITY;
  return () => {
    if (!current || performance.now() >= staleAt) {
      staleAt = Number.POSITIVE_INFINITY;
      current = run().finally(() => {
        staleAt = performance.now() + cacheMs;
      });
    }
    return current;
  };
}

async function state(check: () => Promise<unknown>): Promise<State> {
  const answer = Promise.resolve()
    .then(check)
    .then(
      () => 'ok' as const,
      () => 'away' as const,
    );
  return (await within(TIMEOUT_MS, answer)) ?? 'away';
}

export default fp(health, { name: 'health', dependencies: ['prisma', 'bus'] });
