import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';
import { LoopDelay } from './loop-delay.js';

export interface OverloadOptions {
  /** Requests that are worked on at the same time; one more is refused. */
  requestsAtOnce: number;
  /** The event loop's mean delay above which requests and upgrades are refused, in milliseconds. */
  eventLoopDelayMs: number;
}

const RETRY_AFTER_MS = 1000;

/**
 * Refuses requests with 503 while the process has more to do than it can answer soon. A refusal costs a tenth of an answer, so
 * those that were let in are answered in time. What an address or a user may have is not asked here.
 *
 * Upgrades wait for each other instead of being refused by their number: after a crash elsewhere they all come at once, and
 * they are few and bounded. Answers on open sockets go on.
 */
async function overload(app: FastifyInstance, { requestsAtOnce, eventLoopDelayMs }: OverloadOptions) {
  const loop = new LoopDelay(eventLoopDelayMs);
  app.addHook('onClose', async () => loop.close());
  let running = 0;
  const ended = () => {
    running -= 1;
  };

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.isUnlimited) {
      done();
    } else if (loop.isLate || (running >= requestsAtOnce && !request.ws)) {
      done(new DomainError('SERVICE_UNAVAILABLE', 'The service is busy.', { retryAfterMs: RETRY_AFTER_MS }));
    } else {
      if (!request.ws) {
        running += 1;
        reply.raw.once('close', ended);
      }
      done();
    }
  });
}

export default fp(overload, { name: 'overload' });
