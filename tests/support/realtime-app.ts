import type { Socket } from 'node:net';
import Fastify from 'fastify';
import fp from 'fastify-plugin';
import type { UserProfile } from '../../src/domain/profile.js';
import type { Scope } from '../../src/domain/viewer.js';
import drainTimeout from '../../src/plugins/drain-timeout.js';
import errors from '../../src/plugins/errors.js';
import eventStreams, { type EventStreamsOptions } from '../../src/plugins/event-stream/plugin.js';
import { loggerOptions } from '../../src/plugins/logging.js';
import webSocket, { type WebSocketOptions } from '../../src/plugins/websocket/plugin.js';
import realtime from '../../src/realtime/plugin.js';
import sse from '../../src/sse/plugin.js';
import { EventStreamClient } from './event-stream.js';
import { expectNoSecretLeft } from './left-behind.js';
import { RawSocket } from './raw-socket.js';
import type { TestServices } from './services.js';

type OpenOptions = Parameters<typeof RawSocket.open>[1] & { query?: Record<string, string> };

interface RealtimeOptions extends Partial<WebSocketOptions>, Partial<EventStreamsOptions> {
  allowQueryToken?: boolean;
}

interface EventsOptions {
  query?: Record<string, string>;
  headers?: Record<string, string>;
}

const ORIGINS = ['https://chat.example'];

/** The raw channel and event streams alone, on services that the test started, listening on a free port of the loopback address. */
export async function startRealtimeApp(services: TestServices, options: RealtimeOptions = {}) {
  const { allowQueryToken = true, commentSeconds, ...both } = options;
  const { flushScheduler } = services;
  const log: string[] = [];
  const app = Fastify({ logger: loggerOptions('trace', { write: (line) => log.push(line) }) });
  await app.register(errors);
  // A client may have opened a connection in advance.
  await app.register(drainTimeout, { timeoutMs: 1000 });
  await app.register(fp(async () => void app.decorate('services', services), { name: 'services' }));
  await app.register(webSocket, { flushScheduler, corsAllowedOrigins: ORIGINS, ...both });
  await app.register(eventStreams, {
    flushScheduler,
    ...(commentSeconds !== undefined && { commentSeconds }),
    ...both,
  });
  await app.register(realtime, { allowQueryToken });
  await app.register(sse, { allowQueryToken, corsAllowedOrigins: ORIGINS, publicUrl: undefined });
  const connections = new Set<Socket>();
  app.server.on('connection', (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  const origin = `ws://127.0.0.1:${port}`;
  const { client } = await services.clients.create({ name: 'Test client', grants: ['client_credentials'] });

  const httpOrigin = `http://127.0.0.1:${port}`;
  const url = (chatName: string, query: Record<string, string> = {}) => {
    const search = new URLSearchParams(query).toString();
    return `${origin}/ws/chat/${encodeURIComponent(chatName)}/${search && `?${search}`}`;
  };

  const eventsUrl = (chatName: string, query: Record<string, string> = {}) =>
    url(chatName, query).replace(`${origin}/ws/`, `${httpOrigin}/sse/`);

  /** A token of the user's, or of the client's own for null. */
  const newToken = async (user: UserProfile | null, scopes: Scope[] = ['read', 'write']): Promise<string> => {
    const issued = await services.tokens.issue({
      clientId: client.id,
      userId: user?.id ?? null,
      scopes,
      withRefreshToken: false,
    });
    if (!issued) throw new Error('No token was issued.');
    return issued.accessToken;
  };

  const open = async (chatName: string, token: string | null, { query, ...more }: OpenOptions = {}) =>
    RawSocket.open(url(chatName, query), {
      ...more,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...more.headers },
    });

  const openEvents = async (chatName: string, token: string | null, { query, headers }: EventsOptions = {}) =>
    EventStreamClient.open(eventsUrl(chatName, query), {
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
    });

  return {
    app,
    port,
    origin,
    httpOrigin,
    clientId: client.id,
    /** The server's ends of the connections that are open. */
    connections,
    /** Every line that was logged. */
    log,
    url,
    eventsUrl,
    newToken,
    open,
    openEvents,
    /** A user's socket on a chat, past its `hello` and `live`. */
    async join(chatName: string, user: UserProfile): Promise<RawSocket> {
      const socket = await open(chatName, await newToken(user));
      await socket.next('live');
      return socket;
    },
    /** A user's event stream of a chat, past its `hello` and `live`. */
    async joinEvents(chatName: string, user: UserProfile): Promise<EventStreamClient> {
      const stream = await openEvents(chatName, await newToken(user));
      await stream.next('live');
      return stream;
    },
    async close() {
      await app.close();
      await expectNoSecretLeft({ log });
    },
  };
}

export type RealtimeApp = Awaited<ReturnType<typeof startRealtimeApp>>;
