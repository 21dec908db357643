import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/access/clients.js';
import type { TokenDescription } from '../domain/access/tokens/introspect.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { BearerError, bearerToken } from '../plugins/bearer.js';
import { clientAddress } from '../plugins/limits/address.js';
import { authenticateClient, readClientCredentials } from './client-authentication.js';
import { type Parameters, readParameters, refuseQueryParameters } from './form.js';
import type { NetworkSlots } from './network-slots.js';
import { invalidClient, invalidRequest } from './problem.js';

interface Services {
  clients: Clients;
  tokens: Tokens;
  slots: NetworkSlots;
}

/** The tokens that a caller may introspect: those of one client, or all. */
type Reach = { clientId: string } | 'all';

/**
 * https://datatracker.ietf.org/doc/html/rfc7662#section-2. A confidential client may introspect its own tokens; a resource server with
 * a Bearer token of the scope `introspection` may introspect any.
 */
export function introspectionEndpoint(services: Services) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const token = parameters.get('token');
    if (token === undefined) throw invalidRequest('Missing token parameter.');
    const release = await services.slots.take({ address: clientAddress(request), connection: reply.raw });
    try {
      const reach = await authorizeCaller(services, request, parameters);
      return reply.send(toAnswer(await services.tokens.describe(token), reach));
    } finally {
      release();
    }
  };
}

async function authorizeCaller(
  { clients, tokens }: Services,
  request: FastifyRequest,
  parameters: Parameters,
): Promise<Reach> {
  const { authorization } = request.headers;
  if (authorization !== undefined && /^bearer\b/i.test(authorization) && !parameters.has('client_id')) {
    const viewer = await tokens.authenticate(bearerToken(authorization) ?? '', clientAddress(request));
    if (!viewer) throw BearerError.invalid();
    if (!viewer.scopes.has('introspection')) throw BearerError.scope('introspection');
    return 'all';
  }
  const credentials = readClientCredentials(authorization, parameters);
  const client = await authenticateClient(clients, credentials, clientAddress(request));
  // A client id alone is no authorization (§2.1: "the endpoint MUST also require some form of authorization").
  if (client.isPublic) throw invalidClient(credentials.challenge);
  return { clientId: client.id };
}

/** The answer is the same for an inactive token and for one that the caller may not introspect (§2.2). */
function toAnswer(token: TokenDescription | undefined, reach: Reach) {
  if (!token || (reach !== 'all' && reach.clientId !== token.clientId)) return { active: false };
  return {
    active: true,
    scope: token.scopes.join(' '),
    // An extension (§2.2): without it a narrowed token would look like one of everything.
    ...(token.chatIds !== null && { chats: token.chatIds }),
    client_id: token.clientId,
    ...(token.username !== null && { username: token.username }),
    ...(token.userId !== null && { sub: token.userId }),
    ...(token.kind === 'access' && { token_type: 'Bearer' }),
    iat: Math.floor(token.issuedAt.getTime() / 1000),
    exp: Math.floor(token.expiresAt.getTime() / 1000),
  };
}
