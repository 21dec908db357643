import OAuth2Server from '@node-oauth/oauth2-server';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { toEngineToken } from './engine-token.js';
import { invalidGrant } from './problem.js';

/**
 * https://datatracker.ietf.org/doc/html/rfc6749#section-6 in one transaction. The engine's own class reads, revokes and saves in
 * three steps, between which a concurrent request could use the same token.
 */
export function refreshTokenGrant(tokens: Tokens, address: string | undefined): typeof OAuth2Server.AbstractGrantType {
  return class RefreshTokenGrant extends OAuth2Server.AbstractGrantType {
    async handle(request: OAuth2Server.Request, client: OAuth2Server.Client): Promise<OAuth2Server.Token> {
      const scopes: string[] | undefined = this.getScope(request);
      const refreshToken = String(request.body.refresh_token);
      const result = await tokens.rotate({ refreshToken, clientId: client.id, scopes, address });
      if (result.outcome === 'rotated') return toEngineToken(result.tokens, client, {});
      if (result.outcome === 'scope_exceeded')
        throw new OAuth2Server.InvalidScopeError('The refresh token was granted less than is asked for.');
      throw invalidGrant('The refresh token is invalid, expired or used.');
    }
  };
}
