import type { FastifyInstance } from 'fastify';
import type { Clients } from '../domain/clients.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { postEndpoint } from './endpoint.js';
import { answerError } from './errors.js';
import { acceptForms } from './form.js';
import { introspectionEndpoint } from './introspection-endpoint.js';
import { metadataEndpoint } from './metadata.js';
import { revocationEndpoint } from './revocation-endpoint.js';
import { tokenEndpoint } from './token-endpoint.js';

export interface OAuthOptions {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  /** The address that clients know this server by, without a slash at the end; by default the one each of them used. */
  issuer?: string | undefined;
}

/**
 * The OAuth2 endpoints. Encapsulated: its body parsers and its error answers are for these paths only. The instance above it
 * serves every path with and without its trailing slash (`routerOptions.ignoreTrailingSlash`).
 */
export async function oauthPlugin(app: FastifyInstance, options: OAuthOptions): Promise<void> {
  await acceptForms(app);
  app.setErrorHandler(answerError);
  // RFC 6749 §5.1; on errors too, so that no cache ever keeps an answer of these paths.
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });
  postEndpoint(app, '/oauth/token', tokenEndpoint(options));
  postEndpoint(app, '/oauth/revoke_token', revocationEndpoint(options));
  postEndpoint(app, '/oauth/introspect', introspectionEndpoint(options));
  metadataEndpoint(app, options.issuer);
}
