import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';
import type { Grant, NewClient } from '../domain/access/client-rules.js';
import { createFirstAccounts, hasUsers } from '../domain/access/first-accounts.js';
import { welcomeText } from './welcome.js';

type App = Pick<FastifyInstance, 'db' | 'services' | 'log'>;

/** Makes the welcome text, once the service's origin is known: `http://127.0.0.1:8000`. */
export type Welcome = (origin: string) => string;

const FIRST_PARTY_GRANTS: Grant[] = ['password', 'refresh_token', 'client_credentials'];

/**
 * Creates the configured admin and first-party client in a database without users. Outside production it generates missing
 * credentials, creates a chat, and returns the welcome text. In production it generates and shows nothing: without
 * ADMIN_PASSWORD it creates nothing and logs how to create an admin.
 *
 * When several processes start at once, one of them creates the accounts.
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
  const signInCode = config.webClient ? await app.services.signInCodes.create(created.admin.id) : undefined;
  return (origin) =>
    welcomeText({
      origin,
      // In the fragment: it is in no request for the page, and so in no log.
      signInAddress: signInCode && `${config.publicUrl ?? origin}/#code=${signInCode}&chat=${chat.id}`,
      username: admin.username,
      password: config.admin.password === undefined ? password : undefined,
      clientId: client.client.id,
      clientSecret: config.client.secret === undefined ? (client.secret ?? '') : undefined,
      chat,
    });
}

function firstPartyClient({ client }: Config, inProduction: boolean): NewClient | undefined {
  if (inProduction && client.secret === undefined) return undefined;
  return { name: 'First-party client', id: client.id, secret: client.secret, grants: FIRST_PARTY_GRANTS };
}

/** 96 random bits, in characters that need no escaping in a shell or a form. */
function generatePassword(): string {
  return randomBytes(12).toString('base64url');
}
