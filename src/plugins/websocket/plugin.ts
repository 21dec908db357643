import fastifyWebsocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { WebSocket } from 'ws';
import { addressOf } from '../limits/address.js';
import { Places } from '../limits/places.js';
import { ChatSocket, type ChatSocketOptions } from './chat-socket.js';
import { closeCodes } from './close-codes.js';
import type { FrameRateLimit } from './frame-rate.js';
import { type AllowedOrigins, isOriginAllowed } from './origin.js';
import { type OnSocketError, releaseRequests } from './released-requests.js';
import { adaptSockets } from './socket-adapter.js';
import { selectSubprotocol } from './subprotocols.js';
import { WebSocketUpgrades } from './upgrades.js';
import { tooManySockets, UserSockets } from './user-sockets.js';

declare module 'fastify' {
  interface FastifyInstance {
    userSockets: UserSockets;
  }
  interface FastifyContextConfig {
    /** Set for the routes that a WebSocket can be opened on. */
    opensWebSocket?: boolean;
  }
}

export interface WebSocketOptions
  extends Partial<Omit<ChatSocketOptions, 'rounds'>>,
    Pick<ChatSocketOptions, 'rounds'> {
  /** The origins whose pages may open a socket, beside the service's own; the list that CORS uses. */
  corsAllowedOrigins: AllowedOrigins;
  /** How often the sockets are looked after, in milliseconds. */
  checkIntervalMs?: number;
  /** The longest message that is taken, in one frame or in many, in bytes. */
  maxFrameBytes?: number;
  /** Sockets at the same time; without a limit when not given. */
  socketsPerAddress?: number;
  socketsPerUser?: number;
  /** For all sockets of one user together; without a limit when not given. */
  userFrameRate?: FrameRateLimit;
}

const MAX_FRAME_BYTES = 64 * 1024;
const NO_LIMIT = Number.POSITIVE_INFINITY;
/** How long a peer has to answer a close frame before its connection is cut, in milliseconds. */
const CLOSE_TIMEOUT_MS = 3000;

/**
 * The WebSockets of both edges: one server, one class of socket, the checks that every upgrade has to pass, and the end of
 * all of them when the process drains. To be registered before Mercurius, which would register a WebSocket server of its
 * own otherwise.
 */
async function webSocket(app: FastifyInstance, options: WebSocketOptions) {
  adaptSockets(app);
  const release = releaseRequests(app, onSocketError);
  const socketOptions: ChatSocketOptions = {
    rounds: options.rounds,
    heartbeatSeconds: options.heartbeatSeconds ?? 25,
    stallMs: options.stallMs ?? 10_000,
    frameRate: options.frameRate ?? { perSecond: 100, burst: 1000 },
  };
  const upgrades = new WebSocketUpgrades(app.server);
  // Typed loosely: @fastify/websocket's types know the CommonJS class of `ws` only, and no `closeTimeout`.
  const serverOptions: object = {
    server: upgrades,
    WebSocket: ChatSocket,
    maxPayload: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (offered: Set<string>, request: { url?: string }) => selectSubprotocol(offered, request.url),
  };
  await app.register(fastifyWebsocket, { options: serverOptions, errorHandler: onFailedHandler, preClose });

  // Before anybody else hears of the socket.
  app.websocketServer.on('connection', (socket, request) => {
    upgrades.done(request.socket);
    release(request);
    if (socket instanceof ChatSocket) socket.attach(request.socket, socketOptions);
  });

  const timer = setInterval(() => {
    const now = performance.now();
    for (const socket of app.websocketServer.clients) if (socket instanceof ChatSocket) socket.checkHealth(now);
  }, options.checkIntervalMs ?? 1000).unref();
  app.addHook('onClose', async () => clearInterval(timer));

  /** Everybody is told to come back elsewhere; who does not answer is cut off after CLOSE_TIMEOUT_MS. */
  async function preClose() {
    upgrades.refuse();
    const allClosed = new Promise<void>((resolve) => app.websocketServer.close(() => resolve()));
    for (const socket of app.websocketServer.clients)
      if (socket instanceof ChatSocket) socket.disconnect(closeCodes.draining);
    await allClosed;
    upgrades.destroyPending();
  }

  app.addHook('onRoute', (route) => {
    if (route.wsHandler || route.websocket) route.config = { ...route.config, opensWebSocket: true };
  });

  const places = new Places(options.socketsPerAddress ?? NO_LIMIT);
  const userFrameRate = options.userFrameRate ?? { perSecond: NO_LIMIT, burst: NO_LIMIT };
  app.decorate('userSockets', new UserSockets(options.socketsPerUser ?? NO_LIMIT, userFrameRate));

  app.addHook('onRequest', async (request, reply) => {
    if (!request.ws || request.is404) return;
    // Without this, an upgrade would be accepted on every path.
    if (!request.routeOptions.config.opensWebSocket)
      return reply.code(404).send({ error: 'not_found', message: 'There is no WebSocket here.' });
    if (!isOriginAllowed(request.headers.origin, request.host, options.corsAllowedOrigins))
      return reply.code(403).send({ error: 'forbidden_origin', message: 'Pages of this origin may not connect.' });
    const address = addressOf(request);
    // A place is given back when the connection closes; this one has closed.
    if (request.raw.socket.destroyed) return;
    if (!places.take(address)) throw tooManySockets();
    // A refused upgrade ends its connection too.
    request.raw.socket.once('close', () => places.release(address));
  });

  app.addHook('onSend', async (request, reply) => {
    if (request.ws) reply.header('Connection', 'close');
  });
}

/** A peer that breaks the protocol has its close code from `ws` already; everything else is a handler's fault. */
const onSocketError: OnSocketError = (error, socket, log) => {
  if ('code' in error) {
    log.debug({ err: error }, 'WebSocket broken by its peer');
    return;
  }
  log.error({ err: error }, 'WebSocket failed');
  if (socket instanceof ChatSocket) socket.disconnect(closeCodes.internalError);
};

/** What a handler throws when it gets its socket. */
function onFailedHandler(error: Error, socket: WebSocket, request: FastifyRequest): void {
  onSocketError(error, socket, request.log);
}

export default fp(webSocket, { name: 'websocket' });
