import { once } from 'node:events';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { FlushScheduler } from '../../../src/delivery/flush-scheduler.js';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { Sessions } from '../../../src/delivery/sessions.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { Documents } from '../../../src/graphql/documents/documents.js';
import { codedError } from '../../../src/graphql/errors.js';
import type { GuardLimits } from '../../../src/graphql/protocol/guard.js';
import { createSocketTransport } from '../../../src/graphql/protocol/transport.js';
import websocket, { type WebSocketOptions } from '../../../src/plugins/websocket/plugin.js';
import { viewerOf } from '../../support/services.js';
import { RawClient, type RawClientOptions } from './raw-client.js';
import { Toy, toySchema } from './toy-schema.js';

export const TOKEN = 'cat_ann';

export function profile(username: string): UserProfile {
  return {
    id: username,
    username,
    firstName: username,
    lastName: '',
    role: 'user',
    kind: 'human',
    dateJoined: '2026-01-01T00:00:00.000Z',
  };
}

/** A toy schema behind the real sockets, the real Mercurius and the real sessions. */
export async function startToyApp(limits: Partial<GuardLimits> = {}, sockets: Partial<WebSocketOptions> = {}) {
  const toy = new Toy();
  const bus = new InProcessBus();
  const tokens = new Map<string, Viewer>([[TOKEN, viewerOf(profile('ann'))]]);
  const families = new Map<string, { user: UserProfile | null }>();
  const sessions = await Sessions.start(
    bus,
    {
      aliveFamilies: async (ids) => new Map([...families].filter(([id]) => ids.includes(id))),
      forgetFamilies: () => {},
      forgetUser: () => {},
    },
    { recheckIntervalMs: 60_000, onError: (error) => app.log.error(error) },
  );
  let authenticate = async (token: string) => tokens.get(token);
  const schema = toySchema();
  const documents = new Documents(schema);
  const coded = (error: unknown) => codedError(error, { log: app.log, requestId: 'a request' });
  const transport = createSocketTransport({
    schema,
    admit: (request) => {
      const verdict = documents.check(request);
      return 'errors' in verdict ? verdict.errors : undefined;
    },
    authenticate: (token) => authenticate(token),
    openSession: (viewer, listener) => {
      families.set(viewer.familyId, { user: viewer.user });
      return sessions.open(viewer, listener);
    },
    context: (connection) => ({ connection, toy }),
    format: (errors) => errors.map(coded),
    onError: (error) => app.log.error(error),
    limits,
  });

  const app = Fastify();
  await app.register(websocket, { flushScheduler: new FlushScheduler(), corsAllowedOrigins: [], ...sockets });
  await app.register(mercurius, {
    schema: transport.schema,
    path: '/graphql/',
    subscription: transport.subscription,
    additionalRouteOptions: transport.additionalRouteOptions,
    errorFormatter: ({ data, errors = [] }) => ({
      statusCode: 200,
      response: { data: data ?? null, errors: errors.map(coded) },
    }),
  });
  transport.addHooks(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('The app listens nowhere.');
  const url = `ws://127.0.0.1:${address.port}/graphql/`;

  return {
    app,
    toy,
    tokens,
    families,
    sessions,
    url,
    /** From now on tokens are looked up like this. */
    authenticateWith(lookup: typeof authenticate) {
      authenticate = lookup;
    },
    async allSocketsClosed() {
      await Promise.all([...app.websocketServer.clients].map((socket) => once(socket, 'close')));
    },
    /** A socket on which nothing has been said yet. */
    open: (options: RawClientOptions = {}) => RawClient.open(url, options),
    /** A socket with an acknowledged connection. */
    async connect() {
      const client = await RawClient.open(url);
      client.send({ type: 'connection_init', payload: { authorization: `Bearer ${TOKEN}` } });
      await client.expect({ type: 'connection_ack' });
      return client;
    },
    async close() {
      await app.close();
      sessions.close();
      await bus.close();
    },
  };
}

export type ToyApp = Awaited<ReturnType<typeof startToyApp>>;
