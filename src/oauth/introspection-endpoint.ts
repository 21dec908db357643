import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/clients.js';
import type { TokenDescription } from '../domain/tokens/introspect.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { BearerError, bearerToken } from '../plugins/bearer.js';
import { authenticateClient, readClientCredentials } from './client-authentication.js';
import { type Parameters, readParameters, refuseQueryParameters } from './form.js';
import { invalidClient, invalidRequest } from './problem.js';

interface Services {
  clients: Clients;
  tokens: Tokens;
}

/** Whose tokens a caller may ask about: one client's, or everybody's. */
type Reach = { clientId: string } | 'all';

/**
 * https://datatracker.ietf.org/doc/html/rfc7662#section-2. A client with a secret asks about its own tokens; a resource
 * server asks about any, with a Bearer token of the scope `introspection`.
 */
export function introspectionEndpoint(services: Services) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const token = parameters.get('token');
    if (token === undefined) throw invalidRequest('Missing token parameter.');
    const reach = await authorizeCaller(services, request, parameters);
    return reply.send(toAnswer(await services.tokens.describe(token), reach));
  };
}

async function authorizeCaller(
  { clients, tokens }: Services,
  { headers: { authorization }, ip }: FastifyRequest,
  parameters: Parameters,
): Promise<Reach> {
  if (authorization !== undefined && /^bearer\b/i.test(authorization) && !parameters.has('client_id')) {
    const viewer = await tokens.authenticate(bearerToken(authorization) ?? '');
    if (!viewer) throw BearerError.invalid();
    if (!viewer.scopes.has('introspection')) throw BearerError.scope('introspection');
    return 'all';
  }
  const credentials = readClientCredentials(authorization, parameters);
  const client = await authenticateClient(clients, credentials, ip);
  // A name alone proves nothing (§2.1: "the endpoint MUST also require some form of authorization").
  if (client.isPublic) throw invalidClient(credentials.challenge);
  return { clientId: client.id };
}

/** An inactive token and one that is none of the caller's business look the same, and nothing else is said (§2.2). */
function toAnswer(token: TokenDescription | undefined, reach: Reach) {
  if (!token || (reach !== 'all' && reach.clientId !== token.clientId)) return { active: false };
  return {
    active: true,
    scope: token.scopes.join(' '),
    client_id: token.clientId,
    ...(token.username !== null && { username: token.username }),
    ...(token.userId !== null && { sub: token.userId }),
    ...(token.kind === 'access' && { token_type: 'Bearer' }),
    iat: Math.floor(token.issuedAt.getTime() / 1000),
    exp: Math.floor(token.expiresAt.getTime() / 1000),
  };
}
