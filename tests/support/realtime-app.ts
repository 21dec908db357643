import Fastify from 'fastify';
import fp from 'fastify-plugin';
import type { UserProfile } from '../../src/domain/profile.js';
import type { Scope } from '../../src/domain/viewer.js';
import errors from '../../src/plugins/errors.js';
import { loggerOptions } from '../../src/plugins/logging.js';
import webSocket, { type WebSocketOptions } from '../../src/plugins/websocket/plugin.js';
import realtime from '../../src/realtime/plugin.js';
import { expectNoSecretLeft } from './left-behind.js';
import { RawSocket } from './raw-socket.js';
import type { TestServices } from './services.js';

type OpenOptions = Parameters<typeof RawSocket.open>[1] & { query?: Record<string, string> };

/** The raw channel alone, on services that the test started, listening on a free port of the loopback address. */
export async function startRealtimeApp(
  services: TestServices,
  options: Partial<WebSocketOptions> & { allowQueryToken?: boolean } = {},
) {
  const { allowQueryToken = true, ...webSocketOptions } = options;
  const log: string[] = [];
  const app = Fastify({ logger: loggerOptions('trace', { write: (line) => log.push(line) }) });
  await app.register(errors);
  await app.register(fp(async () => void app.decorate('services', services), { name: 'services' }));
  await app.register(webSocket, {
    flushScheduler: services.flushScheduler,
    corsAllowedOrigins: ['https://chat.example'],
    ...webSocketOptions,
  });
  await app.register(realtime, { allowQueryToken });
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  const origin = `ws://127.0.0.1:${port}`;
  const { client } = await services.clients.create({ name: 'Test client', grants: ['client_credentials'] });

  const url = (chatName: string, query: Record<string, string> = {}) => {
    const search = new URLSearchParams(query).toString();
    return `${origin}/ws/chat/${encodeURIComponent(chatName)}/${search && `?${search}`}`;
  };

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

  return {
    app,
    port,
    origin,
    clientId: client.id,
    /** Every line that was logged. */
    log,
    url,
    newToken,
    open,
    /** A user's socket on a chat, past its `hello` and `live`. */
    async join(chatName: string, user: UserProfile): Promise<RawSocket> {
      const socket = await open(chatName, await newToken(user));
      await socket.next('live');
      return socket;
    },
    async close() {
      await app.close();
      await expectNoSecretLeft({ log });
    },
  };
}

export type RealtimeApp = Awaited<ReturnType<typeof startRealtimeApp>>;
