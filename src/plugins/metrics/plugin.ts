import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { clientErrors } from '../client-errors.js';
import { mayReadMetrics } from './access.js';
import type { Labels, Metric } from './metric.js';
import { partsState } from './parts-state.js';
import { processMetrics } from './process-metrics.js';
import { RequestCounts } from './request-counts.js';
import { serviceMetrics } from './service-metrics.js';

export interface MetricsOptions {
  /** The token with which `/metrics` may be read from elsewhere. */
  token: string | undefined;
  /** Of one of several workers. */
  workers?: MetricsOfWorkers | undefined;
}

/** How one of several workers gets the metrics of all. */
export interface MetricsOfWorkers {
  /** Of what only a process has. */
  labels: Labels;
  /** @param own reads those of this worker, for when the others cannot be asked */
  gather(own: () => Promise<Metric[]>): Promise<Metric[][]>;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The metrics of this process. */
    ownMetrics(): Promise<Metric[]>;
    /** Those that need no answer of the database or the bus. Also when the process has closed them. */
    ownCounts(): Metric[];
  }
}

/**
 * `GET /metrics` in Prometheus' text format (docs/metrics.md). What is counted is a number where it happens; it is put together here, when
 * somebody asks. Register before all routes.
 */
async function metrics(app: FastifyInstance, { token, workers }: MetricsOptions) {
  const requests = new RequestCounts(app);
  // Made here for all edges: some are registered in a scope of their own.
  clientErrors(app);
  const ownCounts = (): Metric[] => [
    ...requests.metrics(),
    ...serviceMetrics(app),
    ...processMetrics(workers?.labels ?? {}),
  ];
  const own = async (): Promise<Metric[]> => [...(await partsState(app)), ...ownCounts()];

  app.decorate('ownMetrics', own);
  app.decorate('ownCounts', ownCounts);

  app.get('/metrics', { logLevel: 'warn', config: { isUnlimited: true } }, async (request, reply) => {
    reply.header('Cache-Control', 'no-store');
    if (!mayReadMetrics(request, token))
      return reply
        .code(401)
        .header('WWW-Authenticate', 'Bearer')
        .send({ error: 'unauthorized', message: 'The metrics are for this machine, or for who has METRICS_TOKEN.' });
    // Loaded only where it is used.
    const { exposition } = await import('./exposition.js');
    const { text, contentType } = await exposition(workers ? await workers.gather(own) : [await own()]);
    return reply.type(contentType).send(text);
  });
}

export default fp(metrics, { name: 'metrics' });
