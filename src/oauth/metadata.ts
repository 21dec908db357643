import type { FastifyInstance } from 'fastify';
import { TOKEN_EXCHANGE } from '../domain/access/client-rules.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { SCOPES } from '../domain/viewer.js';
import { TOKEN_GRANTS } from './grants.js';
import type { PublicUrlOf } from './public-url.js';

export const METADATA_PATH = '/.well-known/oauth-authorization-server';
const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'];

/** https://datatracker.ietf.org/doc/html/rfc8414#section-2 */
export function metadataEndpoint(app: FastifyInstance, issuerOf: PublicUrlOf, tokens: Tokens): void {
  // Without trusted issuers there is nothing to exchange.
  const grants = TOKEN_GRANTS.filter((grant) => grant !== TOKEN_EXCHANGE || tokens.hasTrustedIssuers);
  app.get(METADATA_PATH, async (request) => describe(issuerOf(request), grants));
}

function describe(issuer: string, grants: readonly string[]) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize/`,
    token_endpoint: `${issuer}/oauth/token/`,
    revocation_endpoint: `${issuer}/oauth/revoke_token/`,
    introspection_endpoint: `${issuer}/oauth/introspect/`,
    scopes_supported: SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grants,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    revocation_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    introspection_endpoint_auth_methods_supported: SECRET_METHODS,
  };
}
