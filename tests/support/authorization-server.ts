import Fastify from 'fastify';
import { BrowserSessions } from '../../src/domain/access/browser-sessions.js';
import { Clients, type OAuthClient } from '../../src/domain/access/clients.js';
import { SignIn } from '../../src/domain/access/sign-in.js';
import type { TokenLifetimes } from '../../src/domain/access/tokens/issue.js';
import { Tokens } from '../../src/domain/access/tokens/tokens.js';
import { type AttemptLimits, type AttemptStore, Attempts } from '../../src/domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../../src/domain/credentials/memory-attempt-store.js';
import { PasswordHasher } from '../../src/domain/credentials/passwords.js';
import { ExternalUsers } from '../../src/domain/people/external-users.js';
import { Users } from '../../src/domain/people/users.js';
import { type OAuthOptions, oauthPlugin } from '../../src/oauth/plugin.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { expectNoSecretLeft } from './left-behind.js';

export const PASSWORD = 'correct horse battery';

/** The members of a JSON answer. */
export async function members(response: Response): Promise<Record<string, unknown>> {
  const body: unknown = await response.json();
  return { ...(typeof body === 'object' ? body : {}) };
}

/** The tokens of a successful response; an empty string for a missing one. */
export async function tokenPair(response: Response): Promise<{ access: string; refresh: string }> {
  const { access_token: access, refresh_token: refresh } = await members(response);
  return { access: typeof access === 'string' ? access : '', refresh: typeof refresh === 'string' ? refresh : '' };
}

/** High, since the tests try many wrong passwords from one address. */
const UNLIMITED: AttemptLimits = {
  perAccount: Infinity,
  perAddress: Infinity,
  perClient: Infinity,
  longestBlockSeconds: 300,
};

interface ServerOptions extends Partial<OAuthOptions> {
  port?: number;
  attemptLimits?: Partial<AttemptLimits>;
  attemptStore?: AttemptStore;
  /** A database that the test shares between servers and drops itself. */
  database?: TestDatabase;
}

/** Counts over all servers, because some share a database. */
let userCount = 0;

/** The OAuth2 endpoints on a database of their own, listening on a free port of the loopback address. */
export async function startAuthorizationServer(
  lifetimes: Partial<TokenLifetimes> = {},
  { port = 0, attemptLimits, attemptStore = new MemoryAttemptStore(), database: given, ...options }: ServerOptions = {},
) {
  const database = given ?? (await createTestDatabase());
  const db = createDatabase(database);
  const revoked: string[] = [];
  const hasher = new PasswordHasher();
  const tokens = new Tokens(
    db,
    {
      accessTokenSeconds: 36_000,
      refreshTokenSeconds: 86_400,
      refreshTokenAbsoluteSeconds: 2_592_000,
      refreshGraceSeconds: 10,
      ...lifetimes,
    },
    (familyIds) => revoked.push(...familyIds),
  );
  const attempts = new Attempts(attemptStore, { ...UNLIMITED, ...attemptLimits });
  const clients = new Clients(db, hasher, attempts);
  const users = new Users(
    db,
    hasher,
    async ({ endedFamilyIds }) => {
      revoked.push(...endedFamilyIds);
    },
    attempts,
  );
  const signInService = new SignIn(db, hasher, attempts);
  const browserSessions = new BrowserSessions(db);
  const log: string[] = [];
  const app = Fastify({
    routerOptions: { ignoreTrailingSlash: true },
    logger: { level: 'trace', stream: { write: (line: string) => log.push(line) } },
  });
  const externalUsers = new ExternalUsers(db);
  await app.register(oauthPlugin, {
    clients,
    tokens,
    signIn: signInService,
    browserSessions,
    externalUsers,
    ...options,
  });
  const origin = await app.listen({ port, host: '127.0.0.1' });

  /** Sends a form unchanged. A list of pairs may repeat a name. */
  const post = (
    path: string,
    form: Record<string, string> | Iterable<[string, string]>,
    headers: Record<string, string> = {},
  ) => fetch(origin + path, { method: 'POST', body: new URLSearchParams(form), headers });

  return {
    origin,
    db,
    tokens,
    clients,
    users,
    signInService,
    browserSessions,
    /** The token families that were announced as revoked. */
    revoked,
    /** Every line that was logged. */
    log,
    post,

    newUser: () => users.create({ username: `user${userCount++}`, password: PASSWORD }),

    /** A client with every grant of the token endpoint, and its credentials as body parameters. */
    async newClient(input: Partial<Parameters<Clients['create']>[0]> = {}) {
      const grants = ['password', 'refresh_token', ...(input.isPublic ? [] : ['client_credentials'])];
      const { client, secret } = await clients.create({ name: 'Test client', grants, ...input });
      const credentials: Record<string, string> = secret
        ? { client_id: client.id, client_secret: secret }
        : { client_id: client.id };
      return { client, secret, credentials };
    },

    /** Signs a user in by the password grant, which must succeed. */
    async signIn(credentials: Record<string, string>, username: string) {
      const form = { grant_type: 'password', username, password: PASSWORD, ...credentials };
      const response = await post('/oauth/token/', form);
      if (response.status !== 200) throw new Error(`Signing in was answered ${response.status}`);
      return tokenPair(response);
    },

    refresh: (credentials: Record<string, string>, refreshToken: string, more: Record<string, string> = {}) =>
      post('/oauth/token/', { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials, ...more }),

    async close() {
      await app.close();
      await expectNoSecretLeft({ pool: db.pool, log }).finally(() => db.close());
      if (!given) await database.drop();
    },
  };
}

export type AuthorizationServer = Awaited<ReturnType<typeof startAuthorizationServer>>;
export type TestClient = { client: OAuthClient; secret: string | null; credentials: Record<string, string> };

/** An `Authorization` header of HTTP Basic as RFC 6749 §2.3.1 forms it. */
export function basic(id: string, secret: string): { authorization: string } {
  const encode = (text: string) => new URLSearchParams({ v: text }).toString().slice(2);
  return { authorization: `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}` };
}
