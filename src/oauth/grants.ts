import OAuth2Server from '@node-oauth/oauth2-server';
import { TOKEN_EXCHANGE } from '../domain/access/client-rules.js';
import type { OAuthClient } from '../domain/access/clients.js';
import type { SignIn } from '../domain/access/sign-in.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { authorizationCodeGrant } from './authorization-code-grant.js';
import { guessingAddress } from './client-authentication.js';
import type { Parameters } from './form.js';
import { grantModel } from './grant-model.js';
import { invalidRequest, OAuthProblem } from './problem.js';
import { refreshTokenGrant } from './refresh-token-grant.js';
import { ISSUED_TYPE, tokenExchangeGrant } from './token-exchange-grant.js';

/** The grants of the token endpoint, with their required parameters. */
const REQUIRED_PARAMETERS = {
  password: ['username', 'password'],
  refresh_token: ['refresh_token'],
  authorization_code: ['code', 'code_verifier'],
  client_credentials: [],
  [TOKEN_EXCHANGE]: ['subject_token', 'subject_token_type'],
} as const;

export type TokenGrant = keyof typeof REQUIRED_PARAMETERS;
export const TOKEN_GRANTS = Object.keys(REQUIRED_PARAMETERS);

/** https://datatracker.ietf.org/doc/html/rfc6749#section-5.1 */
export interface TokenAnswer {
  access_token: string;
  expires_in: number;
  token_type: 'Bearer';
  scope: string;
  refresh_token?: string;
  /** Of a token exchange (https://datatracker.ietf.org/doc/html/rfc8693#section-2.2.1). */
  issued_token_type?: string;
}

/** A request of an authenticated client for tokens. */
export interface GrantRequest {
  client: OAuthClient;
  grant: TokenGrant;
  parameters: Parameters;
  /** The IP address that the request came from. */
  address: string;
  /** Our own issuer; undefined while it is not known (`PUBLIC_URL`). */
  issuer: string | undefined;
}

export type RunGrant = (request: GrantRequest) => Promise<TokenAnswer>;

/** @throws OAuthProblem `invalid_request` or `unsupported_grant_type` */
export function requireGrant(parameters: Parameters): TokenGrant {
  const grant = requireParameter(parameters, 'grant_type');
  if (!isTokenGrant(grant))
    throw new OAuthProblem('unsupported_grant_type', `The grant type is not one of ${TOKEN_GRANTS.join(', ')}.`);
  for (const name of REQUIRED_PARAMETERS[grant]) requireParameter(parameters, name);
  return grant;
}

function isTokenGrant(text: string): text is TokenGrant {
  return TOKEN_GRANTS.includes(text);
}

function requireParameter(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw invalidRequest(`Request is missing ${name} parameter.`);
  return value;
}

/** Runs grants with @node-oauth/oauth2-server, the engine. It wraps errors thrown in a grant in its own errors (`fromEngine`). */
export function grantRunner(services: { tokens: Tokens; signIn: SignIn }): RunGrant {
  const { tokens } = services;
  // The client is already authenticated, so the engine needs only its id.
  const requireClientAuthentication = Object.fromEntries(TOKEN_GRANTS.map((grant) => [grant, false]));
  return async ({ client, grant, parameters, address, issuer }) => {
    const model = grantModel(services, client, address);
    const guesser = guessingAddress(client, address);
    const extendedGrantTypes = {
      refresh_token: refreshTokenGrant(tokens, guesser),
      authorization_code: authorizationCodeGrant(tokens, client, guesser),
      [TOKEN_EXCHANGE]: tokenExchangeGrant(tokens, client, parameters, issuer),
    };
    const engine = new OAuth2Server({ model, extendedGrantTypes, requireClientAuthentication });
    const request = engineRequest(client, grant, parameters);
    const answer = toAnswer(await engine.token(request, new OAuth2Server.Response({})));
    return grant === TOKEN_EXCHANGE ? { ...answer, issued_token_type: ISSUED_TYPE } : answer;
  };
}

/** The request for the engine: always url-encoded, without the client's headers. */
function engineRequest(client: OAuthClient, grant: TokenGrant, parameters: Parameters): OAuth2Server.Request {
  const body = {
    ...Object.fromEntries(parameters),
    ...engineText(parameters, 'username'),
    ...engineText(parameters, 'password'),
    client_id: client.id,
    grant_type: grant,
  };
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '1' };
  return new OAuth2Server.Request({ method: 'POST', headers, query: {}, body });
}

/** Encodes a text as ASCII: the engine rejects texts that mix Unicode planes, for example a letter and an emoji. */
function engineText(parameters: Parameters, name: string) {
  const value = parameters.get(name);
  return value === undefined ? {} : { [name]: encodeURIComponent(value) };
}

function toAnswer(token: OAuth2Server.Token): TokenAnswer {
  return {
    access_token: token.accessToken,
    expires_in: token.expiresIn,
    token_type: 'Bearer',
    scope: (token.scope ?? []).join(' '),
    ...(token.refreshToken && { refresh_token: token.refreshToken }),
  };
}
