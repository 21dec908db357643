import type { FastifyInstance } from 'fastify';
import type { Clients } from '../domain/clients.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { postEndpoint } from './endpoint.js';
import { answerError } from './errors.js';
import { acceptForms } from './form.js';
import { revocationEndpoint } from './revocation-endpoint.js';
import { tokenEndpoint } from './token-endpoint.js';

export interface OAuthServices {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
}

/** The OAuth2 endpoints of WIRE.md. Encapsulated: its body parsers and its error answers are for these paths only. */
export async function oauthPlugin(app: FastifyInstance, services: OAuthServices): Promise<void> {
  await acceptForms(app);
  app.setErrorHandler(answerError);
  // RFC 6749 §5.1; on errors too, so that no cache ever keeps an answer of these paths.
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });
  postEndpoint(app, '/oauth/token', tokenEndpoint(services));
  postEndpoint(app, '/oauth/revoke_token', revocationEndpoint(services));
}
