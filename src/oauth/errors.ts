import OAuth2Server from '@node-oauth/oauth2-server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientError } from '../domain/database.js';
import { DomainError } from '../domain/errors.js';
import { BearerError } from '../plugins/bearer.js';
import { UnreadableText } from '../plugins/request-text.js';
import {
  invalidRequest,
  type OAuthErrorCode,
  OAuthProblem,
  temporarilyUnavailable,
  tooManyAttempts,
} from './problem.js';

/** RFC 6749 §5.1. Errors have these headers too, so that no cache keeps any answer. */
export const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

const ENGINE_CODES: readonly OAuthErrorCode[] = [
  'invalid_request',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];

/** The error handler of the OAuth2 endpoints. Answers every error in the form of RFC 6749 §5.2. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // A rate-limited request does not reach the hook that sets these headers.
  reply.headers(NO_STORE);
  if (error instanceof BearerError) return answerBearerError(error, reply);
  const problem = toProblem(error);
  // 501 means that PUBLIC_URL is not set, which `publicUrlMissing` logs as a warning.
  const isNoFault = problem.status === 501 || isOverload(problem);
  if (isNoFault) request.log.debug({ reason: problem.message }, 'OAuth2 request not answered');
  else if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.message);
  // A flood of requests must not flood the log.
  else if (problem.status === 429) request.log.debug({ reason: problem.message }, 'OAuth2 request refused');
  else request.log.info({ oauthError: problem.code, reason: problem.message }, 'OAuth2 request refused');
  return reply.code(problem.status).headers(problem.headers).send(problem.body);
}

/** True when too many requests wait: a DomainError without a cause. These must not flood the log either. */
function isOverload({ status, cause }: OAuthProblem): boolean {
  return status === 503 && cause instanceof DomainError && cause.cause === undefined;
}

/** Errors of Bearer tokens have their own form (https://datatracker.ietf.org/doc/html/rfc6750#section-3.1). */
function answerBearerError(error: BearerError, reply: FastifyReply): FastifyReply {
  const body = { error: error.error ?? 'invalid_token', error_description: error.message.replaceAll('"', "'") };
  return reply.code(error.statusCode).header('www-authenticate', error.wwwAuthenticate).send(body);
}

function toProblem(error: unknown): OAuthProblem {
  if (error instanceof OAuthProblem) return error;
  if (error instanceof OAuth2Server.OAuthError) return fromEngine(error);
  const known = clientError(error);
  if (known?.code === 'SERVICE_UNAVAILABLE') return temporarilyUnavailable(known.retryAfterMs ?? 1000, error);
  if (known?.code === 'RATE_LIMITED') return tooManyAttempts(known);
  return fromHttp(error) ?? new OAuthProblem('server_error', 'Internal error.', { status: 500, cause: error });
}

/** The engine wraps errors that its model throws; the original error is `inner`. */
function fromEngine(error: OAuth2Server.OAuthError): OAuthProblem {
  if ('inner' in error && error.inner instanceof Error) return toProblem(error.inner);
  const code = ENGINE_CODES.find((known) => known === error.name);
  if (code) return new OAuthProblem(code, error.message);
  return new OAuthProblem('server_error', 'Internal error.', { status: 500, cause: error });
}

/** Errors of Fastify and its plugins: media types, sizes, rates. Their texts are replaced by public ones. */
function fromHttp(error: unknown): OAuthProblem | undefined {
  if (error instanceof UnreadableText) return invalidRequest(error.message, error.statusCode);
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const { statusCode } = error;
  if (statusCode === 429 || statusCode === 503) return temporarilyUnavailable(1000, error, statusCode);
  if (statusCode === 413) return invalidRequest('The request body is too large.', 413);
  if (statusCode === 415)
    return invalidRequest('The body must be application/x-www-form-urlencoded or multipart/form-data.');
  return statusCode >= 400 && statusCode < 500 ? invalidRequest('The request is malformed.') : undefined;
}
