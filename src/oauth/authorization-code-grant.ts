import OAuth2Server from '@node-oauth/oauth2-server';
import type { OAuthClient } from '../domain/access/clients.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { toEngineToken } from './engine-token.js';
import { invalidGrant } from './problem.js';

/** https://datatracker.ietf.org/doc/html/rfc7636#section-4.1 */
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.3 with PKCE, in one transaction. The engine's own class works in three
 * steps and deletes a used code; here a second use of a code must revoke the tokens of the first.
 */
export function authorizationCodeGrant(
  tokens: Tokens,
  client: OAuthClient,
  address: string | undefined,
): typeof OAuth2Server.AbstractGrantType {
  return class AuthorizationCodeGrant extends OAuth2Server.AbstractGrantType {
    async handle({ body }: OAuth2Server.Request, engineClient: OAuth2Server.Client): Promise<OAuth2Server.Token> {
      const codeVerifier = String(body.code_verifier);
      if (!VERIFIER.test(codeVerifier)) throw refused();
      const result = await tokens.redeemCode({
        code: String(body.code),
        clientId: client.id,
        redirectUri: body.redirect_uri === undefined ? undefined : String(body.redirect_uri),
        codeVerifier,
        address,
        withRefreshToken: client.grants.includes('refresh_token'),
      });
      if (result.outcome !== 'issued') throw refused();
      return toEngineToken(result.tokens, engineClient, {});
    }
  };
}

/** One message for every reason, so that whoever presents a stolen code learns nothing from it. */
function refused() {
  return invalidGrant('The authorization code is invalid, expired, used, or was given to another request.');
}
