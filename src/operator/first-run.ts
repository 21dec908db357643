import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.js';
import type { Grant, NewClient } from '../domain/client-rules.js';
import { createFirstAccounts, hasUsers } from '../domain/first-accounts.js';
import { welcomeText } from './welcome.js';

type App = Pick<FastifyInstance, 'db' | 'services' | 'log'>;

/** What a newcomer reads, once the address is known that the service listens on: `http://127.0.0.1:8000`. */
export type Welcome = (origin: string) => string;

const FIRST_PARTY_GRANTS: Grant[] = ['password', 'refresh_token', 'client_credentials'];

/**
 * Gives a database without users an admin and a first-party client, from the configuration. Outside production what is
 * missing there is generated, a first chat is made, and the caller gets the text that says how to go on. In production
 * nothing is generated or shown: without ADMIN_PASSWORD nothing is created and the log says how to.
 *
 * Safe when several processes start at once: one of them creates.
 */
export async function firstRun(app: App, config: Config): Promise<Welcome | undefined> {
  if (await hasUsers(app.db)) return undefined;
  const inProduction = config.environment === 'production';
  const password = config.admin.password ?? (inProduction ? undefined : generatePassword());
  if (password === undefined) {
    app.log.warn(
      'The database has no users: create an admin with "manage createsuperuser", or start with ADMIN_PASSWORD set.',
    );
    return undefined;
  }
  const admin = { username: config.admin.username ?? 'admin', password };
  const created = await createFirstAccounts(app.db, { admin, client: firstPartyClient(config, inProduction) });
  if (!created) return undefined;
  const { client } = created;
  app.log.info({ username: admin.username, clientId: client?.client.id }, 'created the first admin and client');
  if (inProduction || !client) return undefined;

  const chat = await app.services.chats.create('welcome');
  await app.services.memberships.add(created.admin, chat.id, created.admin.id);
  return (origin) =>
    welcomeText({ origin, ...admin, clientId: client.client.id, clientSecret: client.secret ?? '', chat });
}

function firstPartyClient({ client }: Config, inProduction: boolean): NewClient | undefined {
  if (inProduction && client.secret === undefined) return undefined;
  return { name: 'First-party client', id: client.id, secret: client.secret, grants: FIRST_PARTY_GRANTS };
}

/** 96 random bits, in characters that no shell or form has to escape. */
function generatePassword(): string {
  return randomBytes(12).toString('base64url');
}
