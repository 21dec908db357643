import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExecutionResult } from 'graphql';
import { clientError } from '../domain/database.js';
import { badInput } from '../domain/errors.js';
import type { Scope, Viewer } from '../domain/viewer.js';
import { BearerError } from '../plugins/bearer.js';
import { retryAfter } from '../plugins/errors.js';
import type { GraphqlContext } from './context.js';
import type { Documents } from './documents.js';
import { codedError } from './errors.js';
import { chooseMediaType, isLegacy } from './media-types.js';
import { parseBody, parseQueryString } from './parameters.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent a GraphQL request; null before that is known, and for nobody. */
    graphqlViewer: Viewer | null;
  }
}

/** An operation that is refused before it runs, for what it is or for how it came. */
class RefusedOperation extends Error {
  override readonly name = 'RefusedOperation';

  constructor(
    readonly errors: readonly unknown[],
    /** Undefined for the one that the answer's media type asks for. */
    readonly statusCode?: number,
  ) {
    super('The operation was refused.');
  }
}

/**
 * GraphQL over HTTP around Mercurius' own route: what comes before the execution (who asks, for what, whether it may run)
 * and the answer's media type. https://graphql.github.io/graphql-over-http/draft/
 *
 * Without a token a request may be made, for the schema is open; its fields answer UNAUTHENTICATED, with 200 and a challenge.
 * With a token that is no good (401) or lacks the operation's scope (403) nothing runs, as RFC 6750 §3.1 has it.
 */
export function httpRouteOptions(app: FastifyInstance, documents: Documents) {
  app.decorateRequest('graphqlViewer', null);
  return {
    // Parameters are checked below, without coercing them; answers are written as they are.
    schema: {},

    async preParsing(request: FastifyRequest, reply: FastifyReply) {
      if (request.ws) return;
      reply.header('Cache-Control', 'no-store');
      if (request.method === 'POST') checkContentType(request.headers['content-type']);
      request.graphqlViewer = await app.authenticate(request);
    },

    async preHandler(request: FastifyRequest, reply: FastifyReply) {
      if (request.ws) return;
      reply.type(`${chooseMediaType(request.headers.accept)}; charset=utf-8`);
      const isPost = request.method === 'POST';
      const operation = isPost ? parseBody(request.body) : parseQueryString(request.query);
      const verdict = documents.judge(operation);
      if ('errors' in verdict) throw new RefusedOperation(verdict.errors);
      if (verdict.type === 'subscription')
        throw new RefusedOperation([badInput('query', 'A subscription runs over a WebSocket on this path.')]);
      // Fastify answers HEAD with the route for GET, and Mercurius knows only that GET must not change anything.
      if (verdict.type === 'mutation' && !isPost)
        throw new RefusedOperation([badInput('query', 'A mutation needs the method POST.')], 405);
      checkScope(request.graphqlViewer, verdict.type === 'mutation' ? 'write' : 'read');
      const { query, operationName, variables } = operation;
      if (isPost) request.body = { query, operationName, variables };
      else request.query = { query, operationName, variables: variables && JSON.stringify(variables) };
    },
  };
}

/** Forms and plain text can be sent by a page of any site without asking (CSRF); JSON cannot. */
function checkContentType(header: string | undefined): void {
  const type = header?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new RefusedOperation([badInput('Content-Type', 'The Content-Type must be application/json.')], 415);
}

/** @throws BearerError when there is a token and it does not allow the operation. */
function checkScope(viewer: Viewer | null, scope: Scope): void {
  if (viewer && !viewer.scopes.has(scope)) throw BearerError.scope(scope);
}

/** The context of a request's operation. It asks nobody and cannot fail: it is made for answering errors too. */
export function httpContext(app: FastifyInstance, request: FastifyRequest, deadline: number): GraphqlContext {
  return {
    services: app.services,
    db: app.db,
    caller: { viewer: request.graphqlViewer },
    socket: null,
    log: request.log,
    requestId: request.id,
    deadline,
    plainLists: [],
  };
}

/** Answers what was thrown before or around the execution. Errors of fields are part of an answer with data. */
export async function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const mediaType = chooseMediaType(request.headers.accept);
  const { statusCode, headers, errors } = refusal(error, isLegacy(mediaType));
  const record = { log: request.log, requestId: request.id };
  await reply
    .code(statusCode)
    .headers(headers)
    .type(`${mediaType}; charset=utf-8`)
    .send({ errors: errors.map((each) => codedError(each, record)) });
}

interface Refusal {
  statusCode: number;
  headers: Record<string, string>;
  errors: readonly unknown[];
}

function refusal(error: unknown, legacy: boolean): Refusal {
  if (error instanceof RefusedOperation) {
    const { errors, statusCode = legacy ? 200 : 400 } = error;
    return { statusCode, headers: statusCode === 405 ? { Allow: 'POST' } : {}, errors };
  }
  if (error instanceof BearerError)
    return { statusCode: error.statusCode, headers: { 'WWW-Authenticate': error.wwwAuthenticate }, errors: [error] };
  const known = clientError(error);
  if (known?.code === 'SERVICE_UNAVAILABLE' || known?.code === 'RATE_LIMITED') {
    const statusCode = known.code === 'RATE_LIMITED' ? 429 : 503;
    return { statusCode, headers: { 'Retry-After': retryAfter(known) }, errors: [known] };
  }
  if (known) return { statusCode: 400, headers: {}, errors: [known] };
  return { headers: {}, ...httpRefusal(error) };
}

/** Fastify's own refusals (too large, bad JSON) are written for the client. */
function httpRefusal(error: unknown): Pick<Refusal, 'statusCode' | 'errors'> {
  const statusCode = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (!(error instanceof Error) || !(statusCode >= 400 && statusCode < 500))
    return { statusCode: 500, errors: [error] };
  return { statusCode, errors: [badInput('body', error.message)] };
}

/** Errors of an execution, coded; a challenge beside them when a token would have helped (RFC 9110 §11.6.1 allows it with 200). */
export function formatExecution(execution: ExecutionResult, context: GraphqlContext & { reply?: FastifyReply }) {
  const errors = (execution.errors ?? []).map((error) => codedError(error, context));
  if (errors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED'))
    context.reply?.header('WWW-Authenticate', BearerError.missing().wwwAuthenticate);
  return { statusCode: 200, response: { data: execution.data ?? null, errors } };
}
