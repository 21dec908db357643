import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/clients.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { authenticateClient, readClientCredentials } from './client-authentication.js';
import { readParameters, refuseQueryParameters } from './form.js';
import { invalidRequest } from './problem.js';

/**
 * https://datatracker.ietf.org/doc/html/rfc7009#section-2. Either token of a pair ends both, and any string is answered
 * alike. `token_type_hint` is not needed: the tokens tell their kind themselves.
 */
export function revocationEndpoint({ clients, tokens }: { clients: Clients; tokens: Tokens }) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const token = parameters.get('token');
    if (token === undefined) throw invalidRequest('Missing token parameter.');
    const credentials = readClientCredentials(request.headers.authorization, parameters);
    const client = await authenticateClient(clients, credentials, request.ip);
    await tokens.revoke(token, client.id);
    return reply.code(200).send();
  };
}
