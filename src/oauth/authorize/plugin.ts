import type { FastifyInstance } from 'fastify';
import { disableCors } from '../pages/disable-cors.js';
import { OAuthProblem } from '../problem.js';
import { AUTHORIZE_PATH, AuthorizeEndpoint, type AuthorizeOptions } from './endpoint.js';
import { pageErrors } from './errors.js';

/** The authorization page. Shares the form parsers of the OAuth2 endpoints and answers errors with pages. */
export async function authorizePlugin(app: FastifyInstance, options: AuthorizeOptions): Promise<void> {
  app.setErrorHandler(pageErrors(options.issuerOf));
  disableCors(app);
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
