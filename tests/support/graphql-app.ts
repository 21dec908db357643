import Fastify from 'fastify';
import fp from 'fastify-plugin';
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { UserProfile } from '../../src/domain/profile.js';
import type { Scope } from '../../src/domain/viewer.js';
import graphql, { type GraphqlOptions } from '../../src/graphql/plugin.js';
import authenticate from '../../src/plugins/authenticate.js';
import errors from '../../src/plugins/errors.js';
import { loggerOptions } from '../../src/plugins/logging.js';
import webSocket from '../../src/plugins/websocket/plugin.js';
import { expectNoSecretLeft } from './left-behind.js';
import type { TestServices } from './services.js';

export interface GraphqlAnswer {
  status: number;
  headers: Record<string, unknown>;
  data: Record<string, unknown> | null | undefined;
  errors: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[];
  /** The codes of the errors, in their order. */
  codes: unknown[];
}

interface RequestOptions {
  token?: string | undefined;
  operationName?: string;
  headers?: Record<string, string>;
}

/** The GraphQL edge alone, on services that the test started, listening on a free port of the loopback address. */
export async function startGraphqlApp(services: TestServices, options: GraphqlOptions = {}) {
  const log: string[] = [];
  const app = Fastify({ logger: loggerOptions('trace', { write: (line) => log.push(line) }) });
  await app.register(errors);
  const given = async () => {
    app.decorate('services', services);
    app.decorate('db', services.db);
  };
  await app.register(fp(given, { name: 'services' }));
  await app.register(authenticate);
  await app.register(webSocket, { flushScheduler: services.flushScheduler, corsAllowedOrigins: [] });
  await app.register(graphql, options);
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  const { client } = await services.clients.create({ name: 'Test client', grants: ['client_credentials'] });
  const sockets: Client[] = [];

  return {
    app,
    port,
    url: `http://127.0.0.1:${port}/graphql/`,
    clientId: client.id,
    /** Every line that was logged. */
    log,

    /** Issues a token of this user; for null, one of the client itself. */
    async newToken(user: UserProfile | null, scopes: Scope[] = ['read', 'write']): Promise<string> {
      const issued = await services.tokens.issue({
        clientId: client.id,
        userId: user?.id ?? null,
        scopes,
        withRefreshToken: false,
      });
      if (!issued) throw new Error('No token was issued.');
      return issued.accessToken;
    },

    /** Runs an operation over HTTP. */
    async run(query: string, variables: object = {}, options: RequestOptions = {}): Promise<GraphqlAnswer> {
      const { token, operationName, headers } = options;
      const response = await app.inject({
        method: 'POST',
        url: '/graphql/',
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        payload: JSON.stringify({ query, variables, operationName }),
      });
      const { data, errors = [] }: Pick<GraphqlAnswer, 'data' | 'errors'> = response.json();
      const codes = errors.map(({ extensions }) => extensions.code);
      return { status: response.statusCode, headers: response.headers, data, errors, codes };
    },

    /** A client of the graphql-ws library. */
    connect(token: string): Client {
      const socket = createClient({
        url: `ws://127.0.0.1:${port}/graphql/`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
        // One connection for the whole test.
        lazy: false,
        onNonLazyError: () => {},
      });
      sockets.push(socket);
      return socket;
    },

    async close() {
      for (const socket of sockets) await socket.dispose();
      await app.close();
      await expectNoSecretLeft({ log });
    },
  };
}

export type GraphqlApp = Awaited<ReturnType<typeof startGraphqlApp>>;

/** The number of statements sent to the database during `run`. */
export async function countStatements(
  services: Pick<TestServices, 'db'>,
  run: () => Promise<unknown>,
): Promise<number> {
  let count = 0;
  const counter = () => {
    count += 1;
  };
  services.db.pool.on('acquire', counter);
  try {
    await run();
  } finally {
    services.db.pool.off('acquire', counter);
  }
  return count;
}

/** As `countStatements`, of what can be repeated: the fewest of three runs, as the service may do something else meanwhile. */
export async function fewestStatements(...of: Parameters<typeof countStatements>): Promise<number> {
  const counts = [await countStatements(...of), await countStatements(...of), await countStatements(...of)];
  return Math.min(...counts);
}
