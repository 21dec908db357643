import type { FastifyInstance } from 'fastify';
import mercurius from 'mercurius';
import { holderOf } from '../plugins/limits/holder.js';
import { ChatSocket } from '../plugins/websocket/chat-socket.js';
import type { GraphqlContext } from './context.js';
import { Documents } from './documents.js';
import { codedError } from './errors.js';
import { addGraphiql } from './graphiql.js';
import { answerError, formatExecution, httpContext, httpRouteOptions } from './http.js';
import { LIMITS } from './limits.js';
import { forget } from './loaders.js';
import { putPlainLists } from './plain-lists.js';
import type { SocketConnection, UpgradeRequest } from './protocol/connection.js';
import { OPERATION_MS } from './protocol/deadlines.js';
import { DEFAULT_LIMITS } from './protocol/guard.js';
import { createSocketTransport } from './protocol/transport.js';
import { schema } from './schema.js';
import { SharedEvents } from './shared-events.js';

export interface GraphqlOptions {
  /** Whether a browser is answered with GraphiQL. */
  graphiql?: boolean;
  /** How long a query or a mutation may run, in milliseconds. Over HTTP the plugin `deadline` answers. */
  operationMs?: number;
  /** Active operations per socket. */
  operationsPerSocket?: number;
}

/** Mercurius holds up to twice as many; see `documents.ts` for what one takes. */
const CACHED_DOCUMENTS = 64;

/**
 * The GraphQL edge on `/graphql`, over HTTP and WebSockets. Mercurius executes; what comes before it and what leaves it is
 * ours: `http.ts` and `protocol/` for the two transports, `documents.ts` for what may run, `errors.ts` for what a client
 * reads of an error.
 *
 * Needs the plugins `services`, `authenticate` and `websocket` before it.
 */
export default async function graphql(app: FastifyInstance, options: GraphqlOptions = {}): Promise<void> {
  if (options.graphiql) addGraphiql(app);
  const { operationMs = OPERATION_MS, operationsPerSocket: maxOperations = DEFAULT_LIMITS.maxOperations } = options;
  const documents = new Documents(schema);
  const sharedEvents = new SharedEvents();
  const contextOf = (socket: SocketConnection, { id }: UpgradeRequest): GraphqlContext => ({
    services: app.services,
    db: app.db,
    caller: socket,
    socket,
    log: app.log,
    requestId: id,
    deadline: performance.now() + operationMs,
    plainLists: [],
  });
  const transport = createSocketTransport({
    schema,
    check: (request) => {
      const verdict = documents.judge(request);
      return 'errors' in verdict ? verdict.errors : [];
    },
    authenticate: (token) => app.services.tokens.authenticate(token),
    openSession: (viewer, listener) => app.services.sessions.open(viewer, listener),
    claim: (viewer, socket) => {
      if (!(socket instanceof ChatSocket)) return;
      app.userSockets.claim(holderOf(viewer), socket);
      socket.countBy(app.userSockets.rateOf(holderOf(viewer)));
    },
    limits: { maxOperations },
    operationMs,
    context: contextOf,
    share: (info, connection) => sharedEvents.resultsFor(info, contextOf(connection, connection.request)),
    format: (errors, { id }) => errors.map((error) => codedError(error, { log: app.log, requestId: id })),
    onError: (error, { id }) => app.log.error({ err: error, requestId: id }, 'a GraphQL socket failed'),
  });

  await app.register(mercurius, {
    // Under a prefix Fastify serves the path with and without its trailing slash.
    prefix: '/graphql',
    path: '/',
    schema: transport.schema,
    context: (request) => httpContext(app, request, performance.now() + operationMs),
    errorHandler: answerError,
    errorFormatter: formatExecution,
    subscription: transport.subscription,
    additionalRouteOptions: { ...httpRouteOptions(app, documents), ...transport.additionalRouteOptions },
    graphql: { parseOptions: { maxTokens: LIMITS.tokens } },
    cache: CACHED_DOCUMENTS,
    allowBatchedQueries: false,
    graphiql: false,
  });
  transport.addHooks(app);
  app.graphql.addHook('onResolution', async (execution, context) => {
    putPlainLists(execution, context);
    forget(context);
  });
  codeErrorsOfEvents(app);
}

/** Mercurius formats the errors of an event with the connection's context, which knows neither log nor request. */
function codeErrorsOfEvents(app: FastifyInstance): void {
  app.graphql.addHook('onSubscriptionResolution', async (execution, context) => {
    if (execution.errors)
      Object.assign(execution, { errors: execution.errors.map((error) => codedError(error, context)) });
  });
}
