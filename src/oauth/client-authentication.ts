import { isUtf8 } from 'node:buffer';
import type { Clients, OAuthClient } from '../domain/access/clients.js';
import type { Parameters } from './form.js';
import { invalidClient, invalidRequest } from './problem.js';

/** The credentials in a request. Public clients have no secret. */
export interface ClientCredentials {
  id: string;
  secret: string | undefined;
  /** The authentication scheme that a 401 answer names. */
  challenge: 'Basic' | 'Bearer';
}

/**
 * Reads the client's credentials from HTTP Basic or from the body
 * (https://datatracker.ietf.org/doc/html/rfc6749#section-2.3.1), never from both (§2.3). With Basic, the body may repeat the
 * `client_id` (§3.2.1). Other schemes in `Authorization` are ignored.
 *
 * @throws OAuthProblem `invalid_request` for credentials in both places, `invalid_client` for none
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
 * @throws OAuthProblem `invalid_client` for an unknown client, a wrong secret and a missing secret
 * @throws DomainError `RATE_LIMITED` after too many of these
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

/**
 * The address for which made-up tokens of an authenticated client are counted. Undefined for a confidential client: its tokens are
 * not counted, since a backend sends the stale tokens of many users from one address, and risks its secret if it guesses.
 */
export function guessingAddress(client: OAuthClient, address: string): string | undefined {
  return client.isPublic ? address : undefined;
}

/** Id and secret are form-encoded before they are joined by a colon and encoded as Base64. */
function decodeBasic(authorization: string): ClientCredentials {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(authorization)?.[1];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (!isUtf8(bytes)) throw invalidClient('Basic');
  const joined = bytes.toString('utf8');
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
