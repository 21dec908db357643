import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExecutionResult } from 'graphql';
import { clientError } from '../../domain/database.js';
import { badInput } from '../../domain/errors.js';
import type { Slot } from '../../domain/queues/fair-slots.js';
import type { Scope, Viewer } from '../../domain/viewer.js';
import { BearerError } from '../../plugins/bearer.js';
import { retryAfter } from '../../plugins/errors.js';
import { clientNetwork } from '../../plugins/limits/address.js';
import { holderOf } from '../../plugins/limits/holder.js';
import type { codedError } from '../errors.js';
import type { GraphqlContext } from '../schema/context.js';
import type { Admission } from './admission.js';
import { chooseMediaType, isLegacy } from './media-types.js';
import { parseBody, parseQueryString } from './parameters.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The viewer of a GraphQL request; null before authentication and without a token. */
    graphqlViewer: Viewer | null;
  }
}

/** An operation that is refused before it runs. */
class RefusedOperation extends Error {
  override readonly name = 'RefusedOperation';

  constructor(
    readonly errors: readonly unknown[],
    /** Undefined for the status that the response's media type prescribes. */
    readonly statusCode?: number,
  ) {
    super('The operation was refused.');
  }
}

/**
 * GraphQL over HTTP, as hooks of Mercurius' route: authentication, parameters, admission, and the response's media type.
 * https://graphql.github.io/graphql-over-http/draft/
 *
 * A request without a token runs, since the schema is public; its fields answer UNAUTHENTICATED, with status 200 and a
 * challenge. With an invalid token (401), or one without the operation's scope (403), nothing runs (RFC 6750 §3.1).
 */
export function httpRouteOptions(app: FastifyInstance, admission: Admission) {
  app.decorateRequest('graphqlViewer', null);
  return {
    // No JSON schemas: parameters are checked below without coercion, and responses are already JSON.
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
      const turn = admission.turnToRead(operation, ownerOf(request));
      if (turn) {
        await turn;
        // The client has gone, or was answered by the deadline: nothing is executed.
        if (reply.sent || reply.raw.destroyed) throw new RefusedOperation([]);
      }
      const verdict = admission.check(operation);
      if ('errors' in verdict) throw new RefusedOperation(verdict.errors);
      if (verdict.type === 'subscription')
        throw new RefusedOperation([badInput('query', 'A subscription runs over a WebSocket on this path.')]);
      // Fastify answers HEAD with the route for GET, and Mercurius knows only that GET must not change anything.
      if (verdict.type === 'mutation' && !isPost)
        throw new RefusedOperation([badInput('query', 'A mutation needs the method POST.')], 405);
      checkScope(request.graphqlViewer, verdict.type === 'mutation' ? 'write' : 'read');
      await hold(admission.takeSlot(verdict, ownerOf(request)), reply);
      const { query, operationName, variables } = operation;
      if (isPost) request.body = { query, operationName, variables };
      else request.query = { query, operationName, variables: variables && JSON.stringify(variables) };
    },
  };
}

/** The key that an operation counts under: its user or client, or its network without a token. */
function ownerOf(request: FastifyRequest): string {
  return request.graphqlViewer ? holderOf(request.graphqlViewer) : `address ${clientNetwork(request)}`;
}

/** Waits for a slot, and releases it when the request ends, however it ends. */
async function hold(slot: Slot | undefined, { raw }: FastifyReply): Promise<void> {
  if (!slot) return;
  raw.once('close', slot.release);
  // A connection that is already closed emits no further `close`.
  if (raw.destroyed) slot.release();
  await slot.granted;
}

/** CSRF: a page of any site can send forms and plain text without a CORS preflight, but not JSON. */
function checkContentType(header: string | undefined): void {
  const type = header?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new RefusedOperation([badInput('Content-Type', 'The Content-Type must be application/json.')], 415);
}

/** @throws BearerError when the token lacks the operation's scope */
function checkScope(viewer: Viewer | null, scope: Scope): void {
  if (viewer && !viewer.scopes.has(scope)) throw BearerError.scope(scope);
}

/** The context of a request's operation. Must not fail, since it is also created to answer errors. */
export function httpContext(
  app: FastifyInstance,
  request: FastifyRequest,
  { deadline, budget }: Pick<GraphqlContext, 'deadline' | 'budget'>,
): GraphqlContext {
  return {
    services: app.services,
    db: app.db,
    caller: { viewer: request.graphqlViewer },
    socket: null,
    log: request.log,
    requestId: request.id,
    origin: `${request.protocol}://${request.host}`,
    network: clientNetwork(request),
    deadline,
    budget,
    plainLists: [],
  };
}

/** Makes the error that the client gets (`codedError`). */
type Tell = typeof codedError;

/** Answers an error thrown before or around the execution. Errors of fields are part of a response with data instead. */
export async function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  tell: Tell,
): Promise<void> {
  const mediaType = chooseMediaType(request.headers.accept);
  const { statusCode, headers, errors } = refusal(error, isLegacy(mediaType));
  const record = { log: request.log, requestId: request.id };
  await reply
    .code(statusCode)
    .headers(headers)
    .type(`${mediaType}; charset=utf-8`)
    .send({ errors: errors.map((each) => tell(each, record)) });
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

/** Adds codes to an execution's errors, and a challenge when a token is missing (RFC 9110 §11.6.1 allows one with 200). */
export function formatExecution(
  execution: ExecutionResult,
  context: GraphqlContext & { reply?: FastifyReply },
  tell: Tell,
) {
  const errors = (execution.errors ?? []).map((error) => tell(error, context));
  if (errors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED'))
    context.reply?.header('WWW-Authenticate', BearerError.missing().wwwAuthenticate);
  return { statusCode: 200, response: { data: execution.data ?? null, errors } };
}
