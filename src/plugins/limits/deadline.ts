import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';

export interface DeadlineOptions {
  /** How long a request that has arrived may be worked on, in milliseconds. */
  operationMs: number;
}

const RETRY_AFTER_MS = 1000;
/** The longest that a timer of Node's can wait, in milliseconds. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Answers a request that is worked on for too long with 503, whatever its handler waits for. (Fastify's `handlerTimeout` stops
 * its timer when Node has read the body.)
 */
async function deadline(app: FastifyInstance, { operationMs }: DeadlineOptions) {
  if (operationMs > LONGEST_TIMER_MS) return;
  app.addHook('preHandler', (request, reply, done) => {
    if (!request.ws) {
      const timer = setTimeout(() => {
        if (!reply.sent && !reply.raw.headersSent) reply.send(tookTooLong());
      }, operationMs);
      reply.raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}

/** What was begun is not known to be undone: a message sent again with its nonce is still one message. */
export function tookTooLong(): DomainError {
  return new DomainError(
    'SERVICE_UNAVAILABLE',
    'This took too long and was given up. Whether it changed what it was to change is not known.',
    { retryAfterMs: RETRY_AFTER_MS },
  );
}

export default fp(deadline, { name: 'deadline' });
