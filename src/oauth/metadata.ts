import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SCOPES } from '../domain/viewer.js';
import { TOKEN_GRANTS } from './grants.js';

const PATH = '/.well-known/oauth-authorization-server';
const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'];

/** https://datatracker.ietf.org/doc/html/rfc8414#section-2 */
export function metadataEndpoint(app: FastifyInstance, issuer: string | undefined): void {
  app.get(PATH, async (request) => describe(issuer ?? addressOf(request)));
}

function describe(issuer: string) {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token/`,
    revocation_endpoint: `${issuer}/oauth/revoke_token/`,
    introspection_endpoint: `${issuer}/oauth/introspect/`,
    scopes_supported: SCOPES,
    response_types_supported: [],
    grant_types_supported: TOKEN_GRANTS,
    token_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    revocation_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    introspection_endpoint_auth_methods_supported: SECRET_METHODS,
  };
}

/** Without a configured issuer it is the address that the client itself used, as §3.3 makes it check. */
function addressOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}
