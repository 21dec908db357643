import type { FastifyInstance, onResponseHookHandler } from 'fastify';
import { Distribution } from '../../domain/counts.js';
import { counter, histogram, type Labels, type Metric } from './metric.js';

const SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** The route of requests for paths that do not exist. */
const NO_ROUTE = 'none';

/** The answers of one route. */
class RouteCounts {
  readonly codes = new Map<number, number>();
  readonly seconds = new Distribution(SECONDS);

  add(code: number, ms: number): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    this.seconds.record(ms / 1000);
  }
}

/**
 * Counts the answers of every route by their status codes. Register before the routes.
 *
 * Each route gets a hook of its own that knows its counts: to find a route in a shared hook, Fastify builds its options anew.
 */
export class RequestCounts {
  private readonly routes = new Map<string, RouteCounts>();

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', (route) => {
      const counts = this.of(route.url.replace(/(?<=.)\/$/, ''));
      const count: onResponseHookHandler = (_request, reply, done) => {
        counts.add(reply.statusCode, reply.elapsedTime);
        done();
      };
      route.onResponse = [count, ...[route.onResponse ?? []].flat()];
    });
    const others = this.of(NO_ROUTE);
    app.addHook('onResponse', (request, reply, done) => {
      if (request.is404) others.add(reply.statusCode, reply.elapsedTime);
      done();
    });
  }

  /** Routes without any answer yet are left out. */
  metrics(): Metric[] {
    const used = [...this.routes].filter(([, { codes }]) => codes.size > 0);
    const codes = used.flatMap(([route, counts]) =>
      [...counts.codes].map(([code, count]) => [{ route, code }, count] as const),
    );
    const seconds = used.map(([route, counts]): [Labels, Distribution] => [{ route }, counts.seconds]);
    return [
      counter('chat_http_requests_total', 'Answers over HTTP, by the pattern of their route.', codes),
      histogram(
        'chat_http_request_duration_seconds',
        'From the headers of a request to the end of its answer.',
        seconds,
      ),
    ];
  }

  /** Several methods of one path share their counts. */
  private of(route: string): RouteCounts {
    const counts = this.routes.get(route) ?? new RouteCounts();
    this.routes.set(route, counts);
    return counts;
  }
}
