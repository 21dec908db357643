import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';
import { exhaustedBudgets } from './exhausted-budgets.js';
import { RunningRequests } from './running-requests.js';

export interface DeadlineOptions {
  /** How long the handler of a fully received request may run, in milliseconds. */
  operationMs: number;
}

const RETRY_AFTER_MS = 1000;
/** The longest delay of a Node timer, in milliseconds. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The longest interval between two checks of the running requests, in milliseconds. */
const CHECK_MS = 250;

/**
 * Answers a request with 503 when its handler runs for too long, whatever the handler waits for. (Fastify's `handlerTimeout`
 * stops its timer when Node has read the body.) One timer checks all requests: a timer per request would cost more than all
 * other limits together.
 */
async function deadline(app: FastifyInstance, { operationMs }: DeadlineOptions) {
  if (operationMs > LONGEST_TIMER_MS) return;
  const running = new RunningRequests();
  const budgets = exhaustedBudgets(app);
  const timer = setInterval(
    () => {
      for (const reply of running.takeLate(performance.now() - operationMs))
        if (!reply.sent && !reply.raw.headersSent) {
          budgets.add('operation_seconds');
          reply.send(tookTooLong());
        }
    },
    Math.min(CHECK_MS, operationMs),
  ).unref();
  app.addHook('onClose', async () => clearInterval(timer));

  function ended(this: ServerResponse) {
    running.end(this);
  }
  app.addHook('preHandler', (request, reply, done) => {
    if (!request.ws) {
      running.begin(reply, performance.now());
      reply.raw.on('close', ended);
    }
    done();
  });
}

/** The work may still commit. A client can safely send a message again with the same nonce. */
export function tookTooLong(): DomainError {
  return new DomainError(
    'SERVICE_UNAVAILABLE',
    'This took too long and was given up. Whether it changed what it was to change is not known.',
    { retryAfterMs: RETRY_AFTER_MS },
  );
}

export default fp(deadline, { name: 'deadline' });
