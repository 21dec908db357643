import type { FastifyInstance } from 'fastify';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { type AppOverrides, buildApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { EventStreamClient } from './event-stream.js';
import { expectNoSecretLeft } from './left-behind.js';
import { RawSocket } from './raw-socket.js';
import { testRedisPrefix, testRedisUrl } from './redis.js';
import { PASSWORD } from './services.js';

export interface Answer {
  status: number;
  data: unknown;
  codes: (string | undefined)[];
}

/** What a subscription brings, waited for. */
export interface Subscription {
  events: unknown[];
  /** Resolves when so many events came. */
  until(count: number): Promise<unknown[]>;
  /** Resolves to how it ended: `complete`, an error's code, or a close code. */
  ended: Promise<unknown>;
  end(): void;
}

/** A whole service as its users have it, known by its address only. */
export class Service {
  private constructor(
    readonly app: FastifyInstance,
    readonly origin: string,
    readonly log: string[],
  ) {}

  /** Starts a process of the service, on this database. */
  static async start(
    database: TestDatabase,
    environment: NodeJS.ProcessEnv = {},
    overrides: AppOverrides = {},
  ): Promise<Service> {
    const log: string[] = [];
    const config = loadConfig(
      { NODE_ENV: 'test', LOG_LEVEL: 'trace', DATABASE_URL: database.url, REDIS_URL: testRedisUrl(), ...environment },
      import.meta.dirname,
    );
    const app = await buildApp(config, {
      embedded: database.embedded,
      logStream: { write: (line) => log.push(line) },
      ...overrides,
    });
    return new Service(app, await app.listen({ port: 0, host: '127.0.0.1' }), log);
  }

  get wsOrigin(): string {
    return this.origin.replace('http', 'ws');
  }

  /** The answer of the token endpoint; a form without `grant_type` is a password grant's. */
  async token(form: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
    const body = new URLSearchParams({ grant_type: 'password', ...form });
    const response = await fetch(`${this.origin}/oauth/token/`, { method: 'POST', body });
    return { status: response.status, body: JSON.parse(await response.text()) };
  }

  async query(token: string | null, query: string, variables: object = {}): Promise<Answer> {
    const response = await fetch(`${this.origin}/graphql/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors = [] }: { data: unknown; errors?: { extensions?: { code?: string } }[] } = JSON.parse(
      await response.text(),
    );
    return { status: response.status, data, codes: errors.map((error) => error.extensions?.code) };
  }

  /** A subscription over a socket of its own, by graphql-ws. */
  subscribe(token: string, query: string, variables: Record<string, unknown> = {}): Subscription {
    const client = createClient({
      url: `${this.wsOrigin}/graphql/`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    const events: unknown[] = [];
    let wake = () => {};
    const ended = new Promise<unknown>((resolve) => {
      client.subscribe(
        { query, variables },
        {
          next: ({ data, errors }) => {
            if (errors) resolve(errors[0]?.extensions?.code);
            else events.push(data);
            wake();
          },
          error: (error) => resolve(describeEnd(error)),
          complete: () => resolve('complete'),
        },
      );
    });
    return {
      events,
      ended,
      async until(count) {
        while (events.length < count)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        return events;
      },
      end: () => void client.dispose(),
    };
  }

  /** A raw channel, open. @throws StreamRefused */
  channel(token: string | null, chatName: string, query: Record<string, string> = {}): Promise<RawSocket> {
    const search = new URLSearchParams(query).toString();
    const url = `${this.wsOrigin}/ws/chat/${encodeURIComponent(chatName)}/${search && `?${search}`}`;
    return RawSocket.open(url, { headers: token === null ? {} : { authorization: `Bearer ${token}` } });
  }

  /** An event stream of a chat, open. @throws StreamRefused */
  events(token: string | null, chatName: string, query: Record<string, string> = {}): Promise<EventStreamClient> {
    const search = new URLSearchParams(query).toString();
    const url = `${this.origin}/sse/chat/${encodeURIComponent(chatName)}/${search && `?${search}`}`;
    return EventStreamClient.open(url, { headers: token === null ? {} : { authorization: `Bearer ${token}` } });
  }

  async close(): Promise<void> {
    const { pool } = this.app.db;
    await expectNoSecretLeft({ pool, log: this.log }).finally(() => this.app.close());
  }
}

/** graphql-ws hands over a list of errors, or the close event. */
function describeEnd(error: unknown): unknown {
  if (Array.isArray(error)) return error[0]?.extensions?.code;
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
}

/** One process or more of the service on a database of their own, with an admin and a client, as the operator makes them. */
export async function startTeam(processes = 1, environment: NodeJS.ProcessEnv = {}, overrides: AppOverrides = {}) {
  const database = await createTestDatabase();
  const busPrefix = testRedisPrefix();
  const services: Service[] = [];
  for (let index = 0; index < processes; index += 1)
    services.push(await Service.start(database, environment, { busPrefix, ...overrides }));
  const [first] = services;
  if (!first) throw new Error('A team has at least one process.');
  const { users, clients } = first.app.services;
  await users.create({ username: 'admin', password: PASSWORD, role: 'admin' });
  const { client, secret } = await clients.create({ name: 'App', grants: ['password', 'refresh_token'] });
  const credentials = { client_id: client.id, client_secret: secret ?? '' };

  const signIn = async (username: string, more: Record<string, string> = {}): Promise<string> => {
    const { body } = await first.token({ username, password: PASSWORD, ...credentials, ...more });
    return String(body.access_token);
  };
  return {
    services,
    first,
    database,
    busPrefix,
    credentials,
    signIn,
    async close() {
      for (const service of services) await service.close();
      await database.drop();
    },
  };
}
