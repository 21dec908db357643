import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';
import { type Budget, exhaustedBudgets } from './exhausted-budgets.js';
import { hasBody, IncomingBodies } from './incoming-bodies.js';
import { LoopDelay } from './loop-delay.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route opens event streams, which take no slot of running requests, as WebSocket upgrades do. */
    opensEventStream?: boolean;
  }
  interface FastifyInstance {
    /**
     * Frees a running request's slot while the request only waits in a bounded queue. Returns the function that takes the slot
     * back; call it exactly once.
     */
    yieldSlot(): () => void;
    loopDelay: LoopDelay;
    runningRequests: () => number;
  }
}

export interface OverloadOptions {
  /** Requests that run at the same time; one more is refused. */
  requestsAtOnce: number;
  /** Mean event loop delay above which requests and upgrades are refused, in milliseconds. */
  eventLoopDelayMs: number;
  /** The longest request body, in bytes. */
  bodyBytes: number;
}

const RETRY_AFTER_MS = 1000;
/** Requests of one address whose bodies may be arriving at a time; `requestsAtOnce` where that is more. */
const ARRIVING_PER_ADDRESS = 256;

/**
 * Load shedding: refuses requests with 503 while the process has more work than it can finish soon. A refusal costs a tenth of
 * an answer, so admitted requests are answered in time.
 *
 * A request takes a running slot only once its body has arrived; until then it counts per address (`incoming-bodies.ts`), so
 * that clients which never send their bodies cannot fill the slots. WebSocket upgrades and event streams take no slot: after a crash
 * of another process they all arrive at once, and their number is bounded. Open sockets and streams are not affected.
 */
async function overload(app: FastifyInstance, { requestsAtOnce, eventLoopDelayMs, bodyBytes }: OverloadOptions) {
  const loop = new LoopDelay(eventLoopDelayMs);
  app.addHook('onClose', async () => loop.close());
  const budgets = exhaustedBudgets(app);
  const bodies = new IncomingBodies(Math.max(ARRIVING_PER_ADDRESS, requestsAtOnce), bodyBytes, budgets);
  let running = 0;
  const ended = () => {
    running -= 1;
  };
  app.decorate('loopDelay', loop);
  app.decorate('runningRequests', () => running);
  app.decorate('yieldSlot', () => {
    running -= 1;
    return () => {
      running += 1;
    };
  });

  app.addHook('onRequest', (request, reply, done) => {
    const isTooMuch = loop.isLate || (running >= requestsAtOnce && !request.ws);
    // Reads the route last: Fastify rebuilds its options at each access.
    if (isTooMuch && !isExempt(request)) done(busy(loop.isLate ? 'event_loop_delay' : 'requests_at_once'));
    else if (request.ws || !hasBody(request)) begin(request, reply, done);
    else bodies.begin(request, reply, done);
  });
  const isExempt = ({ routeOptions: { config } }: FastifyRequest) =>
    config.isUnlimited === true || (config.opensEventStream === true && !loop.isLate);
  app.addHook('preValidation', (request, reply, done) => {
    if (!bodies.holds(reply.raw)) done();
    else if (!request.raw.complete) {
      // The handler reads the body itself, and it is still arriving.
      request.raw.once('end', () => {
        if (bodies.end(reply.raw)) begin(request, reply, () => {});
      });
      done();
    } else if (running >= requestsAtOnce) done(busy('requests_at_once'));
    else {
      bodies.end(reply.raw);
      begin(request, reply, done);
    }
  });
  const busy = (budget: Budget) => {
    budgets.add(budget);
    return serviceIsBusy();
  };
  const begin = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    if (!request.ws) {
      running += 1;
      reply.raw.on('close', ended);
    }
    done();
  };
}

function serviceIsBusy(): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The service is busy.', { retryAfterMs: RETRY_AFTER_MS });
}

export default fp(overload, { name: 'overload', dependencies: ['request-rates'] });
