import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clients } from '../domain/access/clients.js';
import type { SignIn } from '../domain/access/sign-in.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { clientAddress } from '../plugins/limits/address.js';
import { authenticateClient, readClientCredentials } from './client-authentication.js';
import { readParameters, refuseQueryParameters } from './form.js';
import { grantRunner, requireGrant } from './grants.js';
import type { NetworkSlots } from './network-slots.js';
import type { PublicUrlOf } from './public-url.js';

interface Services {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  slots: NetworkSlots;
  /** Our own issuer; undefined while it is not known. */
  issuerOf: PublicUrlOf | undefined;
}

/** https://datatracker.ietf.org/doc/html/rfc6749#section-3.2 as a list of steps, each of which throws to refuse the request. */
export function tokenEndpoint({ clients, tokens, signIn, slots, issuerOf }: Services) {
  const runGrant = grantRunner({ tokens, signIn });
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseQueryParameters(request);
    const parameters = await readParameters(request);
    const grant = requireGrant(parameters);
    const credentials = readClientCredentials(request.headers.authorization, parameters);
    const address = clientAddress(request);
    const release = await slots.take({ address, connection: reply.raw });
    try {
      const client = await authenticateClient(clients, credentials, address);
      // Password hashes have a fair queue of their own, with longer waits. The slot is not held during them.
      if (grant === 'password') release();
      const answer = await runGrant({ client, grant, parameters, address, issuer: issuerOf?.(request) });
      return reply.sent ? reply : reply.send(answer);
    } finally {
      release();
    }
  };
}
