import type { FastifyInstance } from 'fastify';
import mercurius from 'mercurius';
import { clientErrors } from '../plugins/client-errors.js';
import { clientAddress } from '../plugins/limits/address.js';
import { holderOf } from '../plugins/limits/holder.js';
import { ChatSocket } from '../plugins/websocket/chat-socket.js';
import { Documents } from './documents/documents.js';
import { EventLoopTurns } from './documents/event-loop-turns.js';
import { LIMITS } from './documents/limits.js';
import { enforceBudget, OperationBudget } from './documents/operation-budget.js';
import { codedError, type ErrorRecord } from './errors.js';
import { Admission, type AdmissionLimits, DEFAULT_ADMISSION } from './http/admission.js';
import { addGraphiql } from './http/graphiql.js';
import { answerError, formatExecution, httpContext, httpRouteOptions } from './http/http.js';
import type { SocketConnection, UpgradeRequest } from './protocol/connection.js';
import { OPERATION_MS } from './protocol/deadlines.js';
import { DEFAULT_LIMITS } from './protocol/guard.js';
import { createSocketTransport } from './protocol/transport.js';
import type { GraphqlContext } from './schema/context.js';
import { forget } from './schema/loaders.js';
import { putPlainLists } from './schema/plain-lists.js';
import { schema } from './schema/schema.js';
import { isTransient } from './schema/shared.js';
import { SharedEvents } from './streams/shared-events.js';

export interface GraphqlOptions {
  /** Serve GraphiQL to browsers. */
  graphiql?: boolean;
  /** How long a query or mutation may run, in milliseconds. Over HTTP the plugin `deadline` enforces it. */
  operationMs?: number;
  /** Active operations per socket. */
  operationsPerSocket?: number;
  /** Limits on what one user may run at a time. */
  admission?: Partial<AdmissionLimits>;
  /** The service's public URL, without a slash at its end; by default the one that each client used. */
  publicUrl?: string | undefined;
}

/** Mercurius caches up to twice as many; see `documents.ts` for the size of one. */
const CACHED_DOCUMENTS = 64;

/**
 * The GraphQL edge on `/graphql`, over HTTP and WebSockets. Mercurius executes operations. The rest is here: `http.ts` and
 * `protocol/` are the transports, `documents.ts` checks operations, `errors.ts` formats errors.
 *
 * Register after the plugins `services`, `authenticate` and `websocket`.
 */
export default async function graphql(app: FastifyInstance, options: GraphqlOptions = {}): Promise<void> {
  if (options.graphiql) addGraphiql(app);
  const { operationMs = OPERATION_MS, operationsPerSocket: maxOperations = DEFAULT_LIMITS.maxOperations } = options;
  const turns = new EventLoopTurns();
  const admission = new Admission(new Documents(schema), turns, { ...DEFAULT_ADMISSION, ...options.admission });
  const told = clientErrors(app);
  const tell = (error: unknown, record: ErrorRecord) => {
    const coded = codedError(error, record);
    told.add(`graphql ${coded.extensions.code}`);
    return coded;
  };
  const sharedEvents = new SharedEvents({ forget, reload: (place) => app.services.chatLog.event(place) });
  const startingNow = () => {
    const deadline = performance.now() + operationMs;
    return { deadline, budget: new OperationBudget(turns, deadline) };
  };
  const contextOf = (socket: SocketConnection, { id, origin, network }: UpgradeRequest): GraphqlContext => ({
    services: app.services,
    db: app.db,
    caller: socket,
    socket,
    log: app.log,
    requestId: id,
    origin: options.publicUrl ?? origin,
    network,
    ...startingNow(),
    plainLists: [],
  });
  const transport = createSocketTransport({
    schema,
    turnToRead: (request, viewer) => admission.turnToRead(request, holderOf(viewer)),
    admit: (request, viewer) => {
      const verdict = admission.check(request);
      return 'errors' in verdict ? verdict.errors : admission.takeSlot(verdict, holderOf(viewer));
    },
    authenticate: (token) => app.services.tokens.authenticate(token),
    openSession: (viewer, listener) => app.services.sessions.open(viewer, listener),
    opened: (socket, request) => {
      if (!(socket instanceof ChatSocket)) return;
      socket.countAs('graphql');
      app.unauthenticatedSockets.add(socket, clientAddress(request));
    },
    claim: (viewer, socket) => {
      if (!(socket instanceof ChatSocket)) return;
      app.userSockets.claim(holderOf(viewer), socket);
      socket.countForUser(app.userSockets.of(holderOf(viewer)));
    },
    limits: { maxOperations },
    operationMs,
    context: contextOf,
    share: (info, connection, ended) => {
      const context = contextOf(connection, connection.request);
      return isTransient(info)
        ? sharedEvents.transientResultsFor(info, context)
        : sharedEvents.resultsFor(info, context, ended);
    },
    format: (errors, { id }) => errors.map((error) => tell(error, { log: app.log, requestId: id })),
    onError: (error, { id }) => app.log.error({ err: error, requestId: id }, 'a GraphQL socket failed'),
  });

  await app.register(mercurius, {
    // With a prefix, Fastify serves the path with and without a trailing slash.
    prefix: '/graphql',
    path: '/',
    schema: transport.schema,
    context: (request) => ({
      ...httpContext(app, request, startingNow()),
      ...(options.publicUrl && { origin: options.publicUrl }),
    }),
    errorHandler: (error, request, reply) => answerError(error, request, reply, tell),
    errorFormatter: (execution, context) => formatExecution(execution, context, tell),
    subscription: transport.subscription,
    additionalRouteOptions: { ...httpRouteOptions(app, admission), ...transport.additionalRouteOptions },
    graphql: { parseOptions: { maxTokens: LIMITS.tokens } },
    cache: CACHED_DOCUMENTS,
    allowBatchedQueries: false,
    graphiql: false,
  });
  transport.addHooks(app);
  app.graphql.addHook('onResolution', async (execution, context) => {
    putPlainLists(execution, context);
    enforceBudget(execution, context);
    forget(context);
  });
}
