import type { FastifyInstance } from 'fastify';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import type { MercuriusOptions } from 'mercurius';
import type { WebSocket } from 'ws';
import type { Viewer } from '../../domain/viewer.js';
import type { SocketAdapter } from '../../plugins/websocket/socket-adapter.js';
import { type ConnectionOptions, GraphqlConnection, type SocketConnection, type UpgradeRequest } from './connection.js';
import { DEFAULT_LIMITS, type GuardLimits, speaksSubprotocol } from './guard.js';
import { isObject } from './messages.js';
import { bindSubscriptions, type ShareResults } from './subscription-fields.js';

export interface SocketTransportOptions<Event> extends Omit<ConnectionOptions, 'limits' | 'claim'> {
  schema: GraphQLSchema;
  /** The context of one operation that came over this connection. Called anew for each. */
  context(connection: SocketConnection, request: UpgradeRequest): object;
  /** Lets listeners of the same operation share its executions. Without it Mercurius executes for each. */
  share?: ShareResults<Event>;
  /** Takes a place among the user's sockets for this one. @throws DomainError `RATE_LIMITED` when they are all taken. */
  claim?(viewer: Viewer, socket: WebSocket): void;
  limits?: Partial<GuardLimits>;
}

/** What Mercurius has to be registered with, for its sockets to speak graphql-transport-ws as the protocol's document says. */
export interface SocketTransport {
  /** In place of the schema given. */
  schema: GraphQLSchema;
  subscription: Exclude<MercuriusOptions['subscription'], boolean | undefined>;
  additionalRouteOptions: { config: { adaptSocket: SocketAdapter } };
  /** To be called when Mercurius is registered. */
  addHooks(app: FastifyInstance): void;
}

// Mercurius copies a context's members from object to object on their way to the resolvers; a symbol meets no other's name.
const kConnection = Symbol('connection');

/** Stands between the sockets and Mercurius: the protocol, authentication and admission are here, execution is Mercurius's. */
export function createSocketTransport<Event>(options: SocketTransportOptions<Event>): SocketTransport {
  const connections = new WeakMap<object, GraphqlConnection>();
  const connectionOptions = { ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } };

  const adaptSocket: SocketAdapter = (socket, { id, headers: { authorization } }) => {
    if (!speaksSubprotocol(socket)) return undefined;
    const claim = (viewer: Viewer) => options.claim?.(viewer, socket);
    const connection = new GraphqlConnection(socket, { id, authorization }, { ...connectionOptions, claim });
    connections.set(connection.engine, connection);
    return connection.engine;
  };

  const enter = async (_schema: unknown, _document: unknown, context: object): Promise<void> => {
    const connection = connectionOf(context);
    if (!connection) return;
    // A frame may wait in Mercurius's queue while a later one ends the socket.
    if (connection.isClosed) throw new GraphQLError('The connection is closed.');
    Object.assign(context, options.context(connection, connection.request));
  };

  return {
    schema: bindSubscriptions(options.schema, operationOf, options.share ?? (() => undefined)),
    subscription: {
      fullWsTransport: true,
      // Without the upgrade request, which would stay in memory as long as the socket.
      context: (socket: WebSocket) => ({ [kConnection]: connections.get(socket), request: undefined }),
    },
    additionalRouteOptions: { config: { adaptSocket } },
    addHooks(app) {
      app.graphql.addHook('preExecution', enter);
      app.graphql.addHook('preSubscriptionExecution', enter);
    },
  };
}

function connectionOf(context: unknown): GraphqlConnection | undefined {
  const connection: unknown = isObject(context) ? Reflect.get(context, kConnection) : undefined;
  return connection instanceof GraphqlConnection ? connection : undefined;
}

function operationOf(context: unknown) {
  const connection = connectionOf(context);
  if (!connection || !isObject(context)) throw new Error('A subscription runs outside of a socket.');
  return { connection, operation: typeof context.id === 'string' ? connection.operation(context.id) : undefined };
}
