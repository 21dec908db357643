import OAuth2Server from '@node-oauth/oauth2-server';
import type { OAuthClient } from '../domain/clients.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { authorizationCodeGrant } from './authorization-code-grant.js';
import type { Parameters } from './form.js';
import { grantModel } from './grant-model.js';
import { invalidRequest, OAuthProblem } from './problem.js';
import { refreshTokenGrant } from './refresh-token-grant.js';

/** The grants that the token endpoint takes, with the parameters that each cannot do without. */
const REQUIRED_PARAMETERS = {
  password: ['username', 'password'],
  refresh_token: ['refresh_token'],
  authorization_code: ['code', 'code_verifier'],
  client_credentials: [],
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
}

/** What a grant is run for. */
export interface GrantRequest {
  client: OAuthClient;
  grant: TokenGrant;
  parameters: Parameters;
  /** The IP address it came from. */
  address: string;
}

export type RunGrant = (request: GrantRequest) => Promise<TokenAnswer>;

/** @throws OAuthProblem `invalid_request` or `unsupported_grant_type` */
export function requireGrant(parameters: Parameters): TokenGrant {
  const asked = requireParameter(parameters, 'grant_type');
  if (!isTokenGrant(asked))
    throw new OAuthProblem('unsupported_grant_type', `The grant type is not one of ${TOKEN_GRANTS.join(', ')}.`);
  for (const name of REQUIRED_PARAMETERS[asked]) requireParameter(parameters, name);
  return asked;
}

function isTokenGrant(text: string): text is TokenGrant {
  return TOKEN_GRANTS.includes(text);
}

function requireParameter(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw invalidRequest(`Request is missing ${name} parameter.`);
  return value;
}

/** The grants run on @node-oauth/oauth2-server; whatever is thrown in them comes out as an error of the engine. */
export function grantRunner(services: { tokens: Tokens; signIn: SignIn }): RunGrant {
  const { tokens } = services;
  // The client has authenticated before the engine is asked, which then needs no more than its name.
  const requireClientAuthentication = Object.fromEntries(TOKEN_GRANTS.map((grant) => [grant, false]));
  return async ({ client, grant, parameters, address }) => {
    const model = grantModel(services, client, address);
    const extendedGrantTypes = {
      refresh_token: refreshTokenGrant(tokens),
      authorization_code: authorizationCodeGrant(tokens, client),
    };
    const engine = new OAuth2Server({ model, extendedGrantTypes, requireClientAuthentication });
    const request = engineRequest(client, grant, parameters);
    return toAnswer(await engine.token(request, new OAuth2Server.Response({})));
  };
}

/** Every request looks the same to the engine: one encoding, no headers of the client. */
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

/** The engine refuses texts that mix the planes of Unicode, a letter and an emoji say; as ASCII they pass. */
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
