import cors from '@fastify/cors';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Config } from './config/config.js';
import { servicesOptions } from './config/services-options.js';
import graphql from './graphql/plugin.js';
import hooks from './hooks/plugin.js';
import { oauthPlugin } from './oauth/plugin.js';
import attemptStore from './plugins/attempt-store.js';
import authenticate from './plugins/authenticate.js';
import bus from './plugins/bus.js';
import deployment from './plugins/deployment.js';
import drainTimeout from './plugins/drain-timeout.js';
import errors, { answerUnrouted } from './plugins/errors.js';
import eventStreams, { type EventStreamsOptions } from './plugins/event-stream/plugin.js';
import headers from './plugins/headers.js';
import health from './plugins/health.js';
import deadline from './plugins/limits/deadline.js';
import overload from './plugins/limits/overload.js';
import pipelining from './plugins/limits/pipelining.js';
import requestRates from './plugins/limits/request-rates.js';
import unreadAnswers from './plugins/limits/unread-answers.js';
import { loggerOptions } from './plugins/logging.js';
import metrics, { type MetricsOfWorkers } from './plugins/metrics/plugin.js';
import prisma, { migrateDatabase } from './plugins/prisma.js';
import requestText from './plugins/request-text.js';
import services, { type ServicesOptions } from './plugins/services.js';
import untrustedProxy from './plugins/untrusted-proxy.js';
import type { FrameRateLimit } from './plugins/websocket/frame-rate.js';
import webSocket, { type WebSocketOptions } from './plugins/websocket/plugin.js';
import realtime from './realtime/plugin.js';
import sse from './sse/plugin.js';
import { type WebOptions, webPlugin } from './web/plugin.js';

/** Options of tests and tools, in addition to the configuration. */
export interface AppOverrides {
  /** `config.databaseUrl` points to an embedded database that the caller started. */
  embedded?: boolean;
  /** Separates services that share one Redis. */
  busPrefix?: string;
  /** Receives the log instead of standard output. */
  logStream?: { write(line: string): void };
  /** Overrides `PLUGIN_TIMEOUT_MS`. */
  pluginMs?: number;
  /** Of one of several workers. */
  metrics?: MetricsOfWorkers;
  services?: Partial<ServicesOptions>;
  webSocket?: Partial<WebSocketOptions>;
  eventStreams?: Partial<EventStreamsOptions>;
  web?: Partial<WebOptions>;
}

/** How long one plugin may take to load, in milliseconds. Starting and migrating the database is not a plugin and has no limit. */
const PLUGIN_TIMEOUT_MS = 120_000;
/** How often Node checks for requests that take too long to arrive, in milliseconds. */
const SLOW_SENDER_CHECK_MS = 1000;

/** Builds the service without listening yet. `close()` closes everything that it opened. */
export async function buildApp(config: Config, overrides: AppOverrides = {}): Promise<FastifyInstance> {
  const { limits } = config;
  const app: FastifyInstance = Fastify({
    logger: loggerOptions(config.logLevel, overrides.logStream, (message, lines) =>
      app.log.warn({ message, lines }, 'dropped repeated lines with this message'),
    ),
    genReqId: () => crypto.randomUUID(),
    bodyLimit: limits.bodyBytes,
    // Closes idle connections too. WebSockets have a heartbeat instead.
    connectionTimeout: nodeTimeout(limits.requestMs),
    requestTimeout: nodeTimeout(limits.requestMs),
    http: {
      headersTimeout: nodeTimeout(Math.min(limits.headersMs, limits.requestMs)),
      connectionsCheckingInterval: SLOW_SENDER_CHECK_MS,
    },
    trustProxy: config.trustProxy ?? false,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: answerUnrouted,
    pluginTimeout: overrides.pluginMs ?? PLUGIN_TIMEOUT_MS,
    // `close()` waits for running requests, not for idle keep-alive connections.
    forceCloseConnections: 'idle',
  });

  const { databaseUrl, dataDir } = config;
  const database = await migrateDatabase({ url: databaseUrl, dataDir, embedded: overrides.embedded }, app.log);
  await app.register(errors);
  await app.register(metrics, { token: config.metricsToken, workers: overrides.metrics });
  await app.register(drainTimeout);
  await app.register(pipelining);
  await app.register(prisma, database);
  await app.register(deployment);
  await app.register(bus, { redisUrl: config.redisUrl, prefix: overrides.busPrefix });
  await app.register(attemptStore, { redisUrl: config.redisUrl, prefix: overrides.busPrefix });
  await app.register(services, {
    ...servicesOptions(config),
    attemptStore: app.attemptStore,
    ...overrides.services,
  });
  await app.register(health);

  await app.register(untrustedProxy);
  await app.register(headers, { publicUrl: config.publicUrl });
  await app.register(cors, {
    origin: config.corsAllowedOrigins === '*' ? '*' : [...config.corsAllowedOrigins],
    exposedHeaders: ['WWW-Authenticate', 'Retry-After'],
    // An OPTIONS without Origin gets the same empty answer instead of an error.
    strictPreflight: false,
  });
  await app.register(webSocket, {
    flushScheduler: app.flushScheduler,
    corsAllowedOrigins: config.corsAllowedOrigins,
    publicUrl: config.publicUrl,
    maxFrameBytes: limits.frameBytes,
    socketsPerAddress: limits.socketsPerAddress,
    socketsPerUser: limits.socketsPerUser,
    frameRate: frameRate(limits.framesPerSocket),
    userFrameRate: frameRate(limits.framesPerUser),
    ...overrides.webSocket,
  });
  await app.register(eventStreams, { flushScheduler: app.flushScheduler, ...overrides.eventStreams });
  // After the WebSocket plugin, whose hook closes the connection of an upgrade that a later hook refuses.
  await app.register(requestText);
  await app.register(requestRates, limits);
  await app.register(unreadAnswers);
  await app.register(overload, limits);
  await app.register(deadline, limits);
  await app.register(authenticate, { count: app.countForUser });

  await app.register(oauthPlugin, {
    ...app.services,
    publicUrl: config.publicUrl,
    needsPublicUrl: config.environment === 'production',
    externalProviders: config.externalProviders,
    signInCodes: config.webClient ? app.services.signInCodes : undefined,
    yieldSlot: app.yieldSlot,
  });
  await app.register(graphql, {
    graphiql: config.environment !== 'production',
    operationMs: limits.operationMs,
    operationsPerSocket: limits.operationsPerSocket,
    admission: limits,
    publicUrl: config.publicUrl,
  });
  await app.register(realtime, { allowQueryToken: config.allowQueryToken });
  await app.register(sse, {
    allowQueryToken: config.allowQueryToken,
    corsAllowedOrigins: config.corsAllowedOrigins,
    publicUrl: config.publicUrl,
    yieldSlot: app.yieldSlot,
  });
  await app.register(hooks);
  await app.register(webPlugin, { webClient: config.webClient, ...overrides.web });
  return app;
}

/** For Node, 0 means no time-out. */
function nodeTimeout(ms: number): number {
  return Number.isFinite(ms) ? ms : 0;
}

function frameRate(perSecond: number): FrameRateLimit {
  return { perSecond, burst: 10 * perSecond };
}
