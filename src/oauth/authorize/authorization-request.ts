import type { Clients, OAuthClient } from '../../domain/access/clients.js';
import { findRedirectUri } from '../../domain/access/redirect-uris.js';
import { selectScopes } from '../../domain/access/scopes.js';
import type { Scope } from '../../domain/viewer.js';
import type { OAuthErrorCode } from '../problem.js';

/** A valid authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3). */
export interface AuthorizationRequest {
  client: OAuthClient;
  redirectTarget: RedirectTarget;
  /** The request's `redirect_uri`; null when it had none. */
  redirectUri: string | null;
  scopes: Scope[];
  codeChallenge: string;
}

/** Where the browser is redirected with the answer. */
export interface RedirectTarget {
  /** A registered redirect URI. */
  uri: string;
  /** The request's `state`, which the answer repeats. */
  state: string | undefined;
}

/** The client or its redirect URI is not valid, so the browser must not be redirected (RFC 6749 §4.1.2.1). */
export class UntrustedRequest extends Error {
  override readonly name = 'UntrustedRequest';
}

/** A refusal that redirects the browser to the client with `error` (RFC 6749 §4.1.2.1). The message is the `error_description`. */
export class AuthorizationRefusal extends Error {
  override readonly name = 'AuthorizationRefusal';

  constructor(
    readonly redirectTarget: RedirectTarget,
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
  const client = await findClient(clients, singleValue(parameters, 'client_id'));
  const redirectUri = singleValue(parameters, 'redirect_uri');
  const uri = findRedirectUri(client.redirectUris, redirectUri);
  if (uri === undefined)
    throw new UntrustedRequest('The address to return to is not one that the application has registered.');
  const redirectTarget = {
    uri,
    state: parameters.getAll('state').length === 1 ? singleValue(parameters, 'state') : undefined,
  };

  const refuse = (code: OAuthErrorCode, description: string): never => {
    throw new AuthorizationRefusal(redirectTarget, code, description);
  };
  const repeated = [...parameters.keys()].some((name) => parameters.getAll(name).length > 1);
  if (repeated) refuse('invalid_request', 'A parameter is repeated.');
  if (![...parameters.values()].every((value) => value.isWellFormed() && !value.includes('\0')))
    refuse('invalid_request', 'A parameter is not well-formed text.');
  const responseType = singleValue(parameters, 'response_type');
  if (responseType === undefined) refuse('invalid_request', 'Request is missing response_type parameter.');
  if (responseType !== 'code') refuse('unsupported_response_type', 'The only response type is code.');
  if ((singleValue(parameters, 'response_mode') ?? 'query') !== 'query')
    refuse('invalid_request', 'The only response mode is query.');
  if (!client.grants.includes('authorization_code'))
    refuse('unauthorized_client', 'The client may not use authorization codes.');

  const codeChallenge = singleValue(parameters, 'code_challenge') ?? '';
  if (codeChallenge === '') refuse('invalid_request', 'Code challenge required: PKCE is not optional.');
  // A missing method means "plain" (RFC 7636 §4.3), which is not supported.
  if (singleValue(parameters, 'code_challenge_method') !== 'S256')
    refuse('invalid_request', 'Transform algorithm not supported: code_challenge_method must be S256.');
  if (!CHALLENGE.test(codeChallenge)) refuse('invalid_request', 'The code challenge is not a SHA-256 digest.');

  const requested = singleValue(parameters, 'scope')?.split(' ');
  const scopes =
    selectScopes(requested, client.scopes) ?? refuse('invalid_scope', 'The scope is unknown or not allowed.');
  return { client, redirectTarget, redirectUri: redirectUri ?? null, scopes, codeChallenge };
}

async function findClient(clients: Clients, id: string | undefined): Promise<OAuthClient> {
  const client = id === undefined ? undefined : await clients.find(id);
  if (!client) throw new UntrustedRequest('The application that sent you here is not known.');
  return client;
}

/**
 * The value of a parameter. An empty parameter counts as omitted (RFC 6749 §3.1).
 * @throws UntrustedRequest for a repeated parameter: until client and redirect URI are known, it cannot be reported to the client
 */
function singleValue(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw new UntrustedRequest(`The request has more than one ${name}.`);
  return values[0] || undefined;
}
