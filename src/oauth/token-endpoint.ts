import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/clients.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { authenticateClient, readClientCredentials } from './client-authentication.js';
import { readParameters, refuseQueryParameters } from './form.js';
import { grantRunner, requireGrant } from './grants.js';

/** https://datatracker.ietf.org/doc/html/rfc6749#section-3.2, one step a line; each refuses by throwing. */
export function tokenEndpoint({ clients, tokens, signIn }: { clients: Clients; tokens: Tokens; signIn: SignIn }) {
  const runGrant = grantRunner({ tokens, signIn });
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const grant = requireGrant(parameters);
    const credentials = readClientCredentials(request.headers.authorization, parameters);
    const client = await authenticateClient(clients, credentials, request.ip);
    return reply.send(await runGrant({ client, grant, parameters, address: request.ip }));
  };
}
