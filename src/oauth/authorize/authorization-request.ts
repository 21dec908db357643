import type { Clients, OAuthClient } from '../../domain/clients.js';
import { findRedirectUri } from '../../domain/redirect-uris.js';
import { selectScopes } from '../../domain/scopes.js';
import type { Scope } from '../../domain/viewer.js';
import type { OAuthErrorCode } from '../problem.js';

/** An authorization request that a user may be asked about (RFC 6749 §4.1.1, RFC 7636 §4.3). */
export interface AuthorizationRequest {
  client: OAuthClient;
  answerTo: AnswerAddress;
  /** As the request had it; null when it had none. */
  redirectUri: string | null;
  scopes: Scope[];
  codeChallenge: string;
}

/** Where an answer goes, and what the client finds its request by. */
export interface AnswerAddress {
  /** A registered redirect URI. */
  uri: string;
  state: string | undefined;
}

/** A request whose answer must not go anywhere: whoever made it, it may not be the client (RFC 6749 §4.1.2.1). */
export class UntrustedRequest extends Error {
  override readonly name = 'UntrustedRequest';
}

/** A refusal that goes back to the client as `error` (RFC 6749 §4.1.2.1). The message is its `error_description`. */
export class AuthorizationRefusal extends Error {
  override readonly name = 'AuthorizationRefusal';

  constructor(
    readonly answerTo: AnswerAddress,
    readonly code: OAuthErrorCode,
    description: string,
  ) {
    super(description);
  }
}

/** A SHA-256 digest in base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

/** @throws UntrustedRequest, AuthorizationRefusal */
export async function readAuthorizationRequest(
  clients: Clients,
  parameters: URLSearchParams,
): Promise<AuthorizationRequest> {
  const client = await findClient(clients, only(parameters, 'client_id'));
  const redirectUri = only(parameters, 'redirect_uri');
  const uri = findRedirectUri(client.redirectUris, redirectUri);
  if (uri === undefined)
    throw new UntrustedRequest('The address to return to is not one that the application has registered.');
  const answerTo = { uri, state: parameters.getAll('state').length === 1 ? only(parameters, 'state') : undefined };

  const refuse = (code: OAuthErrorCode, description: string): never => {
    throw new AuthorizationRefusal(answerTo, code, description);
  };
  const repeated = [...parameters.keys()].some((name) => parameters.getAll(name).length > 1);
  if (repeated) refuse('invalid_request', 'A parameter is repeated.');
  if (![...parameters.values()].every((value) => value.isWellFormed() && !value.includes('\0')))
    refuse('invalid_request', 'A parameter is not well-formed text.');
  const responseType = only(parameters, 'response_type');
  if (responseType === undefined) refuse('invalid_request', 'Request is missing response_type parameter.');
  if (responseType !== 'code') refuse('unsupported_response_type', 'The only response type is code.');
  if ((only(parameters, 'response_mode') ?? 'query') !== 'query')
    refuse('invalid_request', 'The only response mode is query.');
  if (!client.grants.includes('authorization_code'))
    refuse('unauthorized_client', 'The client may not use authorization codes.');

  const codeChallenge = only(parameters, 'code_challenge') ?? '';
  if (codeChallenge === '') refuse('invalid_request', 'Code challenge required: PKCE is not optional.');
  // Without a method it is "plain" (RFC 7636 §4.3), which is not supported.
  if (only(parameters, 'code_challenge_method') !== 'S256')
    refuse('invalid_request', 'Transform algorithm not supported: code_challenge_method must be S256.');
  if (!CHALLENGE.test(codeChallenge)) refuse('invalid_request', 'The code challenge is not a SHA-256 digest.');

  const asked = only(parameters, 'scope')?.split(' ');
  const scopes = selectScopes(asked, client.scopes) ?? refuse('invalid_scope', 'The scope is unknown or not allowed.');
  return { client, answerTo, redirectUri: redirectUri ?? null, scopes, codeChallenge };
}

async function findClient(clients: Clients, id: string | undefined): Promise<OAuthClient> {
  const client = id === undefined ? undefined : await clients.find(id);
  if (!client) throw new UntrustedRequest('The application that sent you here is not known.');
  return client;
}

/**
 * An empty parameter counts as omitted (RFC 6749 §3.1). Repeated ones were refused before, but for those that decide where
 * an answer goes.
 */
function only(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw new UntrustedRequest(`The request has more than one ${name}.`);
  return values[0] || undefined;
}
