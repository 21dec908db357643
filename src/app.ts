import cors from '@fastify/cors';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Config } from './config.js';
import graphql from './graphql/plugin.js';
import { oauthPlugin } from './oauth/plugin.js';
import attemptStore from './plugins/attempt-store.js';
import authenticate from './plugins/authenticate.js';
import bus from './plugins/bus.js';
import drain from './plugins/drain.js';
import errors, { answerUnrouted } from './plugins/errors.js';
import headers from './plugins/headers.js';
import health from './plugins/health.js';
import deadline from './plugins/limits/deadline.js';
import overload from './plugins/limits/overload.js';
import requestRates from './plugins/limits/request-rates.js';
import { loggerOptions } from './plugins/logging.js';
import prisma from './plugins/prisma.js';
import services, { type ServicesOptions } from './plugins/services.js';
import type { FrameRateLimit } from './plugins/websocket/frame-rate.js';
import webSocket, { type WebSocketOptions } from './plugins/websocket/plugin.js';
import realtime from './realtime/plugin.js';
import { servicesOptions } from './services-options.js';

/** What tests and tools may set beside the configuration. */
export interface AppOverrides {
  /** `config.databaseUrl` leads to an embedded database that somebody else started. */
  embedded?: boolean;
  /** Keeps apart the services that share one Redis. */
  busPrefix?: string;
  /** Where the log goes, instead of standard output. */
  logStream?: { write(line: string): void };
  services?: Partial<ServicesOptions>;
  webSocket?: Partial<WebSocketOptions>;
}

/** A database's first start and its migrations take their time on a slow or busy machine. */
const START_PATIENCE_MS = 120_000;
/** How often Node looks for requests that take too long to arrive, in milliseconds. */
const SLOW_SENDER_CHECK_MS = 1000;

/** Puts the service together. It listens nowhere yet; `close` ends all that it opened. */
export async function buildApp(config: Config, overrides: AppOverrides = {}): Promise<FastifyInstance> {
  const { limits } = config;
  const app = Fastify({
    logger: loggerOptions(config.logLevel, overrides.logStream),
    genReqId: () => crypto.randomUUID(),
    bodyLimit: limits.bodyBytes,
    // A connection on which no byte moves is cut too, in either direction; WebSockets have a heartbeat instead.
    connectionTimeout: orNone(limits.requestMs),
    requestTimeout: orNone(limits.requestMs),
    http: {
      headersTimeout: orNone(Math.min(limits.headersMs, limits.requestMs)),
      connectionsCheckingInterval: SLOW_SENDER_CHECK_MS,
    },
    trustProxy: config.trustProxy ?? false,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: answerUnrouted,
    pluginTimeout: START_PATIENCE_MS,
    // Running requests are answered; connections that only wait for another one are not waited for.
    forceCloseConnections: 'idle',
  });

  await app.register(errors);
  await app.register(drain);
  await app.register(prisma, { url: config.databaseUrl, dataDir: config.dataDir, embedded: overrides.embedded });
  await app.register(bus, { redisUrl: config.redisUrl, prefix: overrides.busPrefix });
  await app.register(attemptStore, { redisUrl: config.redisUrl, prefix: overrides.busPrefix });
  await app.register(services, {
    ...servicesOptions(config),
    attemptStore: app.attemptStore,
    ...overrides.services,
  });
  await app.register(health);

  await app.register(headers, { publicUrl: config.publicUrl });
  await app.register(cors, {
    origin: config.corsAllowedOrigins === '*' ? '*' : [...config.corsAllowedOrigins],
    exposedHeaders: ['WWW-Authenticate', 'Retry-After'],
    // An OPTIONS without Origin is no mistake; it gets the same empty answer.
    strictPreflight: false,
  });
  await app.register(webSocket, {
    rounds: app.rounds,
    corsAllowedOrigins: config.corsAllowedOrigins,
    maxFrameBytes: limits.frameBytes,
    socketsPerAddress: limits.socketsPerAddress,
    socketsPerUser: limits.socketsPerUser,
    frameRate: frameRate(limits.framesPerSocket),
    userFrameRate: frameRate(limits.framesPerUser),
    ...overrides.webSocket,
  });
  // After the WebSockets, which end the connection of an upgrade that anybody refuses.
  await app.register(requestRates, limits);
  await app.register(overload, limits);
  await app.register(deadline, limits);
  await app.register(authenticate, { count: app.countForUser });

  await app.register(oauthPlugin, {
    ...app.services,
    publicUrl: config.publicUrl,
    externalProviders: config.externalProviders,
  });
  await app.register(graphql, {
    graphiql: config.environment !== 'production',
    operationMs: limits.operationMs,
    operationsPerSocket: limits.operationsPerSocket,
  });
  await app.register(realtime, { allowQueryToken: config.allowQueryToken });
  return app;
}

/** Node's word for no limit is 0. */
function orNone(ms: number): number {
  return Number.isFinite(ms) ? ms : 0;
}

function frameRate(perSecond: number): FrameRateLimit {
  return { perSecond, burst: 10 * perSecond };
}
