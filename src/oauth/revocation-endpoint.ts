import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/access/clients.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { clientAddress } from '../plugins/limits/address.js';
import { authenticateClient, guessingAddress, readClientCredentials } from './client-authentication.js';
import { readParameters, refuseQueryParameters } from './form.js';
import type { NetworkSlots } from './network-slots.js';
import { invalidRequest } from './problem.js';

interface Services {
  clients: Clients;
  tokens: Tokens;
  slots: NetworkSlots;
}

/**
 * https://datatracker.ietf.org/doc/html/rfc7009#section-2. An access or refresh token revokes its whole family; the answer is the same
 * for any text. `token_type_hint` is ignored, since the token's prefix tells its kind.
 */
export function revocationEndpoint({ clients, tokens, slots }: Services) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const token = parameters.get('token');
    if (token === undefined) throw invalidRequest('Missing token parameter.');
    const credentials = readClientCredentials(request.headers.authorization, parameters);
    const address = clientAddress(request);
    const release = await slots.take({ address, connection: reply.raw });
    try {
      const client = await authenticateClient(clients, credentials, address);
      await tokens.revoke(token, client.id, guessingAddress(client, address));
    } finally {
      release();
    }
    // The body is empty (RFC 7009 §2.2). The type is for clients that accept only JSON.
    return reply.code(200).type('application/json').send('');
  };
}
