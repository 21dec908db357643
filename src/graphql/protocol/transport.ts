import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import type { MercuriusOptions } from 'mercurius';
import type { WebSocket } from 'ws';
import type { Viewer } from '../../domain/viewer.js';
import { clientNetwork } from '../../plugins/limits/address.js';
import type { SocketAdapter } from '../../plugins/websocket/socket-adapter.js';
import { type ConnectionOptions, GraphqlConnection, type SocketConnection, type UpgradeRequest } from './connection.js';
import { DEFAULT_LIMITS, type GuardLimits, requireSubprotocol } from './guard.js';
import { isObject } from './messages.js';
import { bindSubscriptions, type ShareResults } from './subscription-fields.js';

export interface SocketTransportOptions<Event> extends Omit<ConnectionOptions, 'limits' | 'claim'> {
  schema: GraphQLSchema;
  /** Creates the context of one operation of this connection. */
  context(connection: SocketConnection, request: UpgradeRequest): object;
  /** Lets subscribers of the same operation share one execution per event. Without it Mercurius executes for each subscriber. */
  share?: ShareResults<Event>;
  /** Called with each new socket, which is not authenticated yet, before anything is read from it. */
  opened?(socket: WebSocket, request: FastifyRequest): void;
  /** Counts the socket for its user. @throws DomainError `RATE_LIMITED` when the user has too many. */
  claim?(viewer: Viewer, socket: WebSocket): void;
  limits?: Partial<GuardLimits>;
}

/** Options to register Mercurius with, so that its sockets follow graphql-transport-ws exactly. */
export interface SocketTransport {
  /** Use it instead of the original schema. */
  schema: GraphQLSchema;
  subscription: Exclude<MercuriusOptions['subscription'], boolean | undefined>;
  additionalRouteOptions: { config: { adaptSocket: SocketAdapter } };
  /** Call after Mercurius is registered. */
  addHooks(app: FastifyInstance): void;
}

// Mercurius copies the members of a context between objects; a symbol cannot clash with another member.
const kConnection = Symbol('connection');

/** Sits between the sockets and Mercurius: does the protocol, authentication and admission, and leaves execution to Mercurius. */
export function createSocketTransport<Event>(options: SocketTransportOptions<Event>): SocketTransport {
  const connections = new WeakMap<object, GraphqlConnection>();
  const connectionOptions = { ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } };

  const adaptSocket: SocketAdapter = (socket, request) => {
    options.opened?.(socket, request);
    if (!requireSubprotocol(socket)) return undefined;
    const { id, headers, protocol, host } = request;
    const claim = (viewer: Viewer) => options.claim?.(viewer, socket);
    const connection = new GraphqlConnection(
      socket,
      { id, network: clientNetwork(request), authorization: headers.authorization, origin: `${protocol}://${host}` },
      { ...connectionOptions, claim },
    );
    connections.set(connection.engine, connection);
    return connection.engine;
  };

  const enter = async (_schema: unknown, _document: unknown, context: object): Promise<void> => {
    const connection = connectionOf(context);
    if (!connection) return;
    // A frame may wait in Mercurius's queue while a later one closes the socket.
    if (connection.isClosed) throw new GraphQLError('The connection is closed.');
    Object.assign(context, options.context(connection, connection.request));
  };

  return {
    schema: bindSubscriptions(options.schema, operationOf, options.share ?? (() => undefined)),
    subscription: {
      fullWsTransport: true,
      // Drops the upgrade request, which would stay in memory as long as the socket.
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
