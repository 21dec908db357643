import type { Clients, OAuthClient } from '../domain/clients.js';
import type { Parameters } from './form.js';
import { invalidClient, invalidRequest } from './problem.js';

/** What a client says of itself. Public clients have no secret. */
export interface ClientCredentials {
  id: string;
  secret: string | undefined;
  /** The scheme that a refusal names. */
  challenge: 'Basic' | 'Bearer';
}

/**
 * Finds the client's credentials in HTTP Basic or in the body
 * (https://datatracker.ietf.org/doc/html/rfc6749#section-2.3.1), never in both (§2.3). The name alone may be repeated in
 * the body (§3.2.1). Other schemes in `Authorization` are not client authentication and are ignored.
 *
 * @throws OAuthProblem `invalid_request` for two ways at once, `invalid_client` for none
 */
export function readClientCredentials(authorization: string | undefined, parameters: Parameters): ClientCredentials {
  const id = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  if (authorization && /^basic(\s|$)/i.test(authorization)) {
    if (secret !== undefined) throw invalidRequest('The client authenticates in two ways.');
    const credentials = decodeBasic(authorization);
    if (id !== undefined && id !== credentials.id) throw invalidRequest('The request names two clients.');
    return credentials;
  }
  if (id === undefined) throw invalidClient('Bearer');
  return { id, secret, challenge: 'Bearer' };
}

/**
 * @param address the IP address that the request came from
 * @throws OAuthProblem `invalid_client`, for unknown client, wrong secret and missing secret alike
 * @throws DomainError `RATE_LIMITED` after too many of them
 */
export async function authenticateClient(
  clients: Clients,
  credentials: ClientCredentials,
  address: string,
): Promise<OAuthClient> {
  const client = await clients.authenticate(credentials.id, credentials.secret, address);
  if (!client) throw invalidClient(credentials.challenge);
  return client;
}

/** Id and secret are form-encoded before they are joined by a colon and encoded as Base64. */
function decodeBasic(authorization: string): ClientCredentials {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(authorization)?.[1];
  const joined = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = joined.indexOf(':');
  if (colon < 1) throw invalidClient('Basic');
  const secret = formDecode(joined.slice(colon + 1));
  return { id: formDecode(joined.slice(0, colon)), secret: secret === '' ? undefined : secret, challenge: 'Basic' };
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalidClient('Basic');
  }
}
