import { PothosError } from '@pothos/core';
import type { FastifyBaseLogger } from 'fastify';
import { GraphQLError } from 'graphql';
import { clientError } from '../domain/database.js';
import type { DomainError } from '../domain/errors.js';
import { BearerError } from '../plugins/bearer.js';

/** The log for internal errors, and the request id that both the log and the client get. */
export interface ErrorRecord {
  readonly log: FastifyBaseLogger;
  readonly requestId: string;
}

/** Error codes in addition to the domain's (docs/interfaces.md, "GraphQL over HTTP"). */
export type GraphqlErrorCode = 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED' | 'INTERNAL_SERVER_ERROR';

/**
 * The error that the client gets, with `extensions.code`, path and location. Domain errors and graphql's errors about a document
 * keep their message. Any other error is internal: it is logged, and the client gets only the request id.
 */
export function codedError(error: unknown, record: ErrorRecord): GraphQLError {
  if (!(error instanceof GraphQLError)) return describe(error, undefined, record);
  const cause = causeOf(error);
  if (cause !== error) return describe(cause, error, record);
  if (typeof error.extensions.code === 'string') return error;
  if (error instanceof PothosError) return internal(error, error, record);
  // Of graphql's own errors only those about a field's arguments have a path.
  return recoded(error, error.path ? 'BAD_USER_INPUT' : 'GRAPHQL_VALIDATION_FAILED');
}

/** A copy of an error with this code. */
export function recoded(error: GraphQLError, code: GraphqlErrorCode | 'BAD_USER_INPUT', field?: string): GraphQLError {
  return placed(error.message, error, { code, ...(field !== undefined && { field }) });
}

/** graphql wraps a resolver's error once, or twice when it passes through a subscription's stream. */
export function causeOf(error: GraphQLError): unknown {
  let cause: unknown = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function describe(cause: unknown, place: GraphQLError | undefined, record: ErrorRecord): GraphQLError {
  if (cause instanceof GraphQLError) {
    const coded = codedError(cause, record);
    return placed(coded.message, place, coded.extensions);
  }
  const refusal = clientError(cause);
  if (refusal) {
    if (refusal.code === 'SERVICE_UNAVAILABLE') record.log.warn({ err: cause }, 'could not answer for now');
    return placed(refusal.message, place, extensionsOf(refusal));
  }
  if (cause instanceof BearerError) return placed(cause.message, place, { code: codeOf(cause) });
  return internal(cause, place, record);
}

function extensionsOf({ code, field, retryAfterMs, rule, needs }: DomainError): Record<string, unknown> {
  const details = Object.entries({ field, retryAfterMs, rule, needs }).filter(([, value]) => value !== undefined);
  return { code, ...Object.fromEntries(details) };
}

function codeOf({ statusCode }: BearerError): string {
  return statusCode === 403 ? 'FORBIDDEN' : 'UNAUTHENTICATED';
}

function internal(cause: unknown, place: GraphQLError | undefined, { log, requestId }: ErrorRecord): GraphQLError {
  log.error({ err: cause, requestId, path: place?.path?.join('.') }, 'a GraphQL operation failed');
  return placed('Internal server error', place, { code: 'INTERNAL_SERVER_ERROR', requestId });
}

function placed(message: string, place: GraphQLError | undefined, extensions: Record<string, unknown>): GraphQLError {
  const { nodes, source, positions, path } = place ?? {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}
