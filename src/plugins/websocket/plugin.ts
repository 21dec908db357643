import fastifyWebsocket from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { WebSocket } from 'ws';
import { exhaustedBudgets } from '../limits/exhausted-budgets.js';
import { ConnectionCounts } from '../streams/connection-counts.js';
import { AddressSockets } from './address-sockets.js';
import { ChatSocket, type ChatSocketOptions } from './chat-socket.js';
import { closeCodes } from './close-codes.js';
import type { FrameRateLimit } from './frame-rate.js';
import { type AllowedOrigins, isOriginAllowed } from './origin.js';
import { type OnSocketError, releaseRequests } from './released-requests.js';
import { adaptSockets } from './socket-adapter.js';
import { selectSubprotocol } from './subprotocols.js';
import { UnauthenticatedSockets } from './unauthenticated-sockets.js';
import { UnsentBytes } from './unsent-bytes.js';
import { WebSocketUpgrades } from './upgrades.js';
import { UserSockets } from './user-sockets.js';

declare module 'fastify' {
  interface FastifyInstance {
    addressSockets: AddressSockets;
    userSockets: UserSockets;
    /** Unsent bytes of all sockets and event streams of the process. */
    unsentBytes: UnsentBytes;
    unauthenticatedSockets: UnauthenticatedSockets;
    connectionCounts: ConnectionCounts;
  }
  interface FastifyContextConfig {
    /** Set on routes that accept WebSockets. */
    opensWebSocket?: boolean;
  }
}

export interface WebSocketOptions
  extends Partial<Omit<ChatSocketOptions, 'flushScheduler' | 'counts' | 'budgets'>>,
    Pick<ChatSocketOptions, 'flushScheduler'> {
  /** Origins whose pages may open a socket, in addition to the service's own; the list that CORS uses. */
  corsAllowedOrigins: AllowedOrigins;
  /** The service's public origin; its pages may open a socket whatever `Host` a proxy sends. */
  publicUrl?: string | undefined;
  /** How often the health of the sockets is checked, in milliseconds. */
  checkIntervalMs?: number;
  /** The longest message accepted, in one frame or many, in bytes. */
  maxFrameBytes?: number;
  /**
   * Open sockets per IPv4 address or IPv6 /64; four times as many per /56, eight times per /48. Unlimited when not given.
   */
  socketsPerAddress?: number;
  /** Unlimited when not given. */
  socketsPerUser?: number;
  /** For all sockets of one user together. Unlimited when not given. */
  userFrameRate?: FrameRateLimit;
}

const MAX_FRAME_BYTES = 64 * 1024;
/** Fragments, and network chunks, that a message may arrive in: each takes some hundred bytes until the message is complete. */
const MAX_CHUNKS = 512;
/** Unsent bytes of all sockets and event streams above which each one's outbox is smaller. */
const UNSENT_BYTES = 256 * 1024 * 1024;
const NO_LIMIT = Number.POSITIVE_INFINITY;
/** How long a peer has to answer a close frame before its connection is cut, in milliseconds. */
const CLOSE_TIMEOUT_MS = 3000;

/**
 * The WebSocket server of both edges: one socket class, the checks of every upgrade, and the drain. Register it before
 * Mercurius, which would otherwise register a WebSocket server of its own.
 */
async function webSocket(app: FastifyInstance, options: WebSocketOptions) {
  adaptSockets(app);
  const release = releaseRequests(app, onSocketError);
  const budgets = exhaustedBudgets(app);
  app.decorate('unsentBytes', new UnsentBytes(UNSENT_BYTES));
  app.decorate('connectionCounts', new ConnectionCounts());
  const socketOptions: ChatSocketOptions = {
    flushScheduler: options.flushScheduler,
    heartbeatSeconds: options.heartbeatSeconds ?? 25,
    stallMs: options.stallMs ?? 10_000,
    frameRate: options.frameRate ?? { perSecond: 100, burst: 1000 },
    unsent: app.unsentBytes,
    counts: app.connectionCounts,
    budgets,
  };
  const upgrades = new WebSocketUpgrades(app.server);
  // Typed as object: @fastify/websocket's types know only the CommonJS class of `ws`, and no `closeTimeout`.
  const serverOptions: object = {
    server: upgrades,
    WebSocket: ChatSocket,
    maxPayload: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxBufferedChunks: MAX_CHUNKS,
    maxFragments: MAX_CHUNKS,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (offered: Set<string>, request: { url?: string }) => selectSubprotocol(offered, request.url),
  };
  await app.register(fastifyWebsocket, { options: serverOptions, errorHandler: onFailedHandler, preClose });

  // Registered before all other listeners.
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

  /** Closes every socket with 1012. Peers that do not answer are cut off after CLOSE_TIMEOUT_MS. */
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

  const userFrameRate = options.userFrameRate ?? { perSecond: NO_LIMIT, burst: NO_LIMIT };
  app.decorate('addressSockets', new AddressSockets(options.socketsPerAddress ?? NO_LIMIT, budgets));
  app.decorate('unauthenticatedSockets', new UnauthenticatedSockets());
  app.decorate('userSockets', new UserSockets(options.socketsPerUser ?? NO_LIMIT, userFrameRate, budgets));

  app.addHook('onRequest', (request, reply, done) => {
    if (!request.ws || request.is404) done();
    else admit(request, reply).then(() => done(), done);
  });
  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    // Without this check an upgrade would be accepted on every path.
    if (!request.routeOptions.config.opensWebSocket)
      return reply.code(404).send({ error: 'not_found', message: 'There is no WebSocket here.' });
    const own = { publicUrl: options.publicUrl, host: request.host };
    if (!isOriginAllowed(request.headers.origin, own, options.corsAllowedOrigins))
      return reply.code(403).send({ error: 'forbidden_origin', message: 'Pages of this origin may not connect.' });
    const { socket } = request.raw;
    // A closed connection emits no further `close` to release its quota. A refused upgrade closes its connection too.
    if (!socket.destroyed) socket.once('close', app.addressSockets.take(request));
  };

  app.addHook('onSend', (request, reply, _payload, done) => {
    if (request.ws) reply.header('Connection', 'close');
    done();
  });
}

/** `ws` has already sent the close code to a peer that broke the protocol; any other error is a bug in a handler. */
const onSocketError: OnSocketError = (error, socket, log) => {
  if ('code' in error) {
    log.debug({ err: error }, 'WebSocket peer broke the protocol or the connection');
    return;
  }
  log.error({ err: error }, 'WebSocket failed');
  if (socket instanceof ChatSocket) socket.disconnect(closeCodes.internalError);
};

/** Handles what a route's handler throws when it gets its socket. */
function onFailedHandler(error: Error, socket: WebSocket, request: FastifyRequest): void {
  onSocketError(error, socket, request.log);
}

export default fp(webSocket, { name: 'websocket' });
