import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { clientError } from '../domain/database.js';
import type { DomainError } from '../domain/errors.js';
import { BearerError } from './bearer.js';
import { UNROUTED_HEADERS } from './headers.js';

/** Answers errors that no edge handles: unknown paths, unreadable requests, refused tokens, internal errors. */
async function errors(app: FastifyInstance) {
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'not_found', message: 'There is nothing here.' }),
  );

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error instanceof BearerError) {
      reply.code(error.statusCode).header('WWW-Authenticate', error.wwwAuthenticate);
      return reply.send({ error: error.error ?? 'unauthorized', message: error.message });
    }
    const refusal = clientError(error);
    if (refusal?.code === 'SERVICE_UNAVAILABLE') {
      request.log.warn({ err: error }, 'could not answer for now');
      return reply
        .code(503)
        .header('Retry-After', retryAfter(refusal))
        .send(body(refusal.rule ?? 'unavailable', refusal));
    }
    if (refusal?.code === 'RATE_LIMITED')
      return reply.code(429).header('Retry-After', retryAfter(refusal)).send(body('rate_limited', refusal));
    // Fastify's own refusals (too large, wrong media type, bad JSON) are written for the client.
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ error: error.code ?? 'bad_request', message: error.message });
    request.log.error({ err: error }, 'request failed');
    return reply.code(500).send({ error: 'internal', message: 'Internal server error.', requestId: request.id });
  });
}

/**
 * Answers a request whose path is malformed; Fastify runs neither hooks nor the handlers above for it. Closes the connection,
 * which an upgrade would otherwise leave open.
 */
export function answerUnrouted(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => request.raw.socket.destroySoon());
  void reply
    .code(400)
    .headers({ ...UNROUTED_HEADERS, Connection: 'close' })
    .send({ error: 'bad_request', message: 'The path is malformed.' });
}

/** The value of `Retry-After`: whole seconds, at least 1 (https://datatracker.ietf.org/doc/html/rfc9110#section-10.2.3). */
export function retryAfter({ retryAfterMs = 1000 }: DomainError): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
}

function body(error: string, { message }: DomainError) {
  return { error, message };
}

export default fp(errors, { name: 'errors' });
