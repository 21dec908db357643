import cookie from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import type { BrowserSessions } from '../domain/browser-sessions.js';
import type { Clients } from '../domain/clients.js';
import type { ExternalUsers } from '../domain/external-users.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { Browser } from './authorize/browser.js';
import { authorizePlugin } from './authorize/plugin.js';
import { postEndpoint } from './endpoint.js';
import { answerError, NO_STORE } from './errors.js';
import { createProviders, type ExternalProviderSettings } from './external/create-providers.js';
import { externalSignInPlugin, startPath } from './external/plugin.js';
import { acceptForms } from './form.js';
import { introspectionEndpoint } from './introspection-endpoint.js';
import { metadataEndpoint } from './metadata.js';
import { publicAddress } from './public-address.js';
import { revocationEndpoint } from './revocation-endpoint.js';
import { tokenEndpoint } from './token-endpoint.js';

export interface OAuthOptions {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  externalUsers: ExternalUsers;
  /** The address that clients know this server by, without a slash at the end; by default the one each of them used. */
  publicUrl?: string | undefined;
  /** Where else people may sign in. */
  externalProviders?: readonly ExternalProviderSettings[] | undefined;
}

/**
 * The OAuth2 endpoints. Encapsulated: its body parsers and its error answers are for these paths only. The instance above it
 * serves every path with and without its trailing slash (`routerOptions.ignoreTrailingSlash`).
 */
export async function oauthPlugin(app: FastifyInstance, options: OAuthOptions): Promise<void> {
  await acceptForms(app);
  app.setErrorHandler(answerError);
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(NO_STORE);
  });
  postEndpoint(app, '/oauth/token', tokenEndpoint(options));
  postEndpoint(app, '/oauth/revoke_token', revocationEndpoint(options));
  postEndpoint(app, '/oauth/introspect', introspectionEndpoint(options));
  const issuerOf = publicAddress(options.publicUrl);
  metadataEndpoint(app, issuerOf);
  await app.register(cookie);
  const browser = new Browser(issuerOf);
  const providers = createProviders(options.externalProviders ?? [], { browser, addressOf: issuerOf });
  await app.register(externalSignInPlugin, { ...options, issuerOf, browser, providers });
  await app.register(authorizePlugin, {
    ...options,
    issuerOf,
    browser,
    providers: (query) => providers.map(({ key, label }) => ({ label, href: `${startPath(key)}?${query}` })),
  });
}
