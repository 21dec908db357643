import type { FastifyInstance } from 'fastify';
import { refuseOtherOrigins } from '../pages/other-origins.js';
import { OAuthProblem } from '../problem.js';
import { AUTHORIZE_PATH, AuthorizeEndpoint, type AuthorizeOptions } from './endpoint.js';
import { pageErrors } from './errors.js';

/** The authorization page. Encapsulated in the OAuth2 endpoints, whose forms it reads, with pages for its errors. */
export async function authorizePlugin(app: FastifyInstance, options: AuthorizeOptions): Promise<void> {
  app.setErrorHandler(pageErrors(options.issuerOf));
  refuseOtherOrigins(app);
  const endpoint = new AuthorizeEndpoint(options);
  app.get(AUTHORIZE_PATH, endpoint.get);
  app.post(AUTHORIZE_PATH, endpoint.post);
  const refuse = async () => {
    const headers = { allow: 'GET, HEAD, POST' };
    throw new OAuthProblem('invalid_request', 'Only GET and POST are allowed.', { status: 405, headers });
  };
  const others = app.supportedMethods.filter((method) => !['GET', 'HEAD', 'POST'].includes(method));
  app.route({ method: others, url: AUTHORIZE_PATH, onRequest: refuse, handler: refuse });
}
