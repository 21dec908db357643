import cluster from 'node:cluster';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { within } from '../domain/within.js';
import type { Metric } from '../plugins/metrics/metric.js';
import type { MetricsOfWorkers } from '../plugins/metrics/plugin.js';
import type { FromWorker, ToWorker } from './messages.js';

/** How long a worker that retires answers those requests that come on connections that it has, in milliseconds. */
const GRACE_MS = 1000;
/** How long the metrics of the other workers may take. Their database checks take a second at most. */
const GATHER_MS = 2000;

/** A worker's way to its supervisor. */
export interface WorkerLink extends MetricsOfWorkers {
  /** The worker listens. @param close ends it as SIGTERM does; a second call does nothing */
  ready(app: FastifyInstance, close: () => void): void;
  /** Hands over what the worker has counted, when it has closed everything. */
  last(app: FastifyInstance): Promise<void>;
}

/** Undefined in a process that has no supervisor, which names a worker's place in its arguments. */
export function openWorkerLink(): WorkerLink | undefined {
  const { worker } = cluster;
  if (!worker) return undefined;
  const waiting = new Map<number, (metrics: Metric[][]) => void>();
  let asked = 0;
  // Resolves when it has left; a supervisor that is gone needs it no more.
  const tell = (message: FromWorker) =>
    new Promise<void>((resolve) => {
      if (worker.isConnected()) process.send?.(message, undefined, undefined, () => resolve());
      else resolve();
    });
  return {
    labels: { worker: Number(process.argv[2] ?? 0) },
    async gather(own) {
      asked += 1;
      const id = asked;
      const gathered = new Promise<Metric[][]>((resolve) => waiting.set(id, resolve));
      void tell({ type: 'gather', id });
      const others = await within(GATHER_MS, gathered);
      waiting.delete(id);
      return others ?? [await own()];
    },
    ready(app, close) {
      worker.on('message', (message: ToWorker) => {
        if (message.type === 'retire') void retire(app, close);
        else if (message.type === 'end') close();
        else if (message.type === 'metrics')
          void app.ownMetrics().then((metrics) => tell({ type: 'metrics', id: message.id, metrics }));
        else if (message.type === 'gathered') waiting.get(message.id)?.(message.metrics);
      });
      // The supervisor is gone: nobody would stop this worker. Node.js would end it at once.
      worker.once('disconnect', () => {
        worker.exitedAfterDisconnect = true;
        close();
      });
      void tell({ type: 'ready' });
    },
    last: (app) => tell({ type: 'last', metrics: app.ownCounts() }),
  };
}

/** Takes no new connection, ends those it has after their next answer, and then closes the rest. */
async function retire({ server, log }: FastifyInstance, close: () => void): Promise<void> {
  log.info('retiring');
  // An HTTP server's own `close` cuts idle connections at once, on which a request may be on its way.
  Server.prototype.close.call(server);
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  await sleep(GRACE_MS);
  close();
}
