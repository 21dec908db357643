import cookie from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import type { BrowserSessions } from '../domain/access/browser-sessions.js';
import type { Clients } from '../domain/access/clients.js';
import type { SignIn } from '../domain/access/sign-in.js';
import type { SignInCodes } from '../domain/access/sign-in-codes.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import type { ExternalUsers } from '../domain/people/external-users.js';
import { BrowserCookie } from './authorize/browser-cookie.js';
import { browserSessionPlugin } from './authorize/browser-session-endpoint.js';
import { AUTHORIZE_PATH } from './authorize/endpoint.js';
import { authorizePlugin } from './authorize/plugin.js';
import { answerError, NO_STORE } from './errors.js';
import { createProviders, type ExternalProviderSettings } from './external/create-providers.js';
import { externalSignInPlugin, startPath } from './external/plugin.js';
import { acceptForms } from './form.js';
import { introspectionEndpoint } from './introspection-endpoint.js';
import { METADATA_PATH, metadataEndpoint } from './metadata.js';
import { NetworkSlots } from './network-slots.js';
import { postEndpoint } from './post-endpoint.js';
import { createPublicUrlOf, publicUrlMissing } from './public-url.js';
import { revocationEndpoint } from './revocation-endpoint.js';
import { tokenEndpoint } from './token-endpoint.js';

export interface OAuthOptions {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  externalUsers: ExternalUsers;
  /** The server's public URL, without a trailing slash; by default the one that each request used. */
  publicUrl?: string | undefined;
  /** True when the authorization page and the metadata are refused without `publicUrl`. */
  needsPublicUrl?: boolean;
  /** Called when a request begins to wait for a slot of its network; the function it returns is called when the wait ends. */
  yieldSlot?: (() => () => void) | undefined;
  /** Where the service's own page may begin and end browser sessions. */
  signInCodes?: SignInCodes | undefined;
  /** External identity providers for the sign-in page. */
  externalProviders?: readonly ExternalProviderSettings[] | undefined;
}

/**
 * The OAuth2 endpoints. Encapsulated: the body parsers and the error handler are for these paths only. The parent instance serves every
 * path with and without its trailing slash (`routerOptions.ignoreTrailingSlash`).
 */
export async function oauthPlugin(app: FastifyInstance, options: OAuthOptions): Promise<void> {
  await acceptForms(app);
  app.setErrorHandler(answerError);
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(NO_STORE);
  });
  const slots = new NetworkSlots(options.yieldSlot ?? (() => () => {}));
  const isNameless = options.needsPublicUrl && options.publicUrl === undefined;
  const issuerOf = isNameless ? undefined : createPublicUrlOf(options.publicUrl);
  postEndpoint(app, '/oauth/token', tokenEndpoint({ ...options, slots, issuerOf }));
  postEndpoint(app, '/oauth/revoke_token', revocationEndpoint({ ...options, slots }));
  postEndpoint(app, '/oauth/introspect', introspectionEndpoint({ ...options, slots }));
  if (!issuerOf) return refuseWithoutPublicUrl(app);
  metadataEndpoint(app, issuerOf, options.tokens);
  await app.register(cookie);
  const browser = new BrowserCookie(issuerOf);
  const { browserSessions, signInCodes } = options;
  if (signInCodes) await app.register(browserSessionPlugin, { browserSessions, signInCodes, browser });
  const providers = await createProviders(options.externalProviders ?? [], { browser, publicUrlOf: issuerOf });
  await app.register(externalSignInPlugin, { ...options, issuerOf, browser, providers });
  await app.register(authorizePlugin, {
    ...options,
    issuerOf,
    browser,
    providers: (query) => providers.map(({ key, label }) => ({ label, href: `${startPath(key)}?${query}` })),
  });
}

function refuseWithoutPublicUrl(app: FastifyInstance): void {
  for (const url of [METADATA_PATH, AUTHORIZE_PATH])
    app.all(url, async (request) => {
      throw publicUrlMissing(request);
    });
}
