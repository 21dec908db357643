import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientError } from '../domain/database.js';
import type { DomainError, DomainErrorCode } from '../domain/errors.js';
import { retryAfter } from './errors.js';

const STATUS: Readonly<Record<DomainErrorCode, number>> = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  NONCE_REUSED: 409,
  CURSOR_RESET: 409,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
};

/** The body of a refusal on the edges that are plain HTTP: what GraphQL has in `extensions`, and the message. */
export interface RestError extends Pick<DomainError, 'message'> {
  code: DomainErrorCode | 'INTERNAL_SERVER_ERROR';
  field?: string;
  rule?: string;
  needs?: string;
  retryAfterMs?: number;
  /** Of an internal error: the log tells more under it. */
  requestId?: string;
}

/** An error handler: answers every error as `RestError`, with the status of its code. */
export function answerRestError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = clientError(error);
  if (known) {
    if (known.code === 'SERVICE_UNAVAILABLE') request.log.warn({ err: error }, 'could not answer for now');
    if (known.retryAfterMs !== undefined) reply.header('Retry-After', retryAfter(known));
    return reply.code(STATUS[known.code]).send(bodyOf(known));
  }
  // Refusals of Fastify and of the plugins (too large, wrong media type, bad JSON) are written for the client.
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500)
    return reply.code(status).send({ code: 'BAD_USER_INPUT', message: error.message } satisfies RestError);
  request.log.error({ err: error }, 'request failed');
  const internal: RestError = {
    code: 'INTERNAL_SERVER_ERROR',
    message: 'Internal server error.',
    requestId: request.id,
  };
  return reply.code(500).send(internal);
}

function bodyOf({ code, message, field, rule, needs, retryAfterMs }: DomainError): RestError {
  return {
    ...{ code, message },
    ...(field !== undefined && { field }),
    ...(rule !== undefined && { rule }),
    ...(needs !== undefined && { needs }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
