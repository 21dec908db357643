import OAuth2Server from '@node-oauth/oauth2-server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientError } from '../domain/database.js';
import { BearerError } from '../plugins/bearer.js';
import {
  invalidRequest,
  type OAuthErrorCode,
  OAuthProblem,
  temporarilyUnavailable,
  tooManyAttempts,
} from './problem.js';

/** RFC 6749 §5.1; on errors too, so that no cache ever keeps an answer of these paths. */
export const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

const ENGINE_CODES: readonly OAuthErrorCode[] = [
  'invalid_request',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];

/** The error handler of the OAuth2 endpoints: RFC 6749 §5.2 for whatever was thrown, from whichever floor. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Again: what is refused for its rate never came to the hook that says so.
  reply.headers(NO_STORE);
  if (error instanceof BearerError) return answerBearerError(error, reply);
  const problem = toProblem(error);
  if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.message);
  else request.log.info({ oauthError: problem.code, reason: problem.message }, 'OAuth2 request refused');
  return reply.code(problem.status).headers(problem.headers).send(problem.body);
}

/** Where a Bearer token is the credential, its own errors apply (https://datatracker.ietf.org/doc/html/rfc6750#section-3.1). */
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

/** The engine wraps what its model throws, and so what we threw ourselves, as `inner`. */
function fromEngine(error: OAuth2Server.OAuthError): OAuthProblem {
  if ('inner' in error && error.inner instanceof Error) return toProblem(error.inner);
  const code = ENGINE_CODES.find((known) => known === error.name);
  if (code) return new OAuthProblem(code, error.message);
  return new OAuthProblem('server_error', 'Internal error.', { status: 500, cause: error });
}

/** What Fastify and its plugins refuse: media types, sizes, rates. The public texts are ours. */
function fromHttp(error: unknown): OAuthProblem | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const { statusCode } = error;
  if (statusCode === 429 || statusCode === 503) return temporarilyUnavailable(1000, error, statusCode);
  if (statusCode === 413) return invalidRequest('The request body is too large.', 413);
  if (statusCode === 415)
    return invalidRequest('The body must be application/x-www-form-urlencoded or multipart/form-data.');
  return statusCode >= 400 && statusCode < 500 ? invalidRequest('The request is malformed.') : undefined;
}
