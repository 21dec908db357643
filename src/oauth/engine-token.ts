import type OAuth2Server from '@node-oauth/oauth2-server';
import type { IssuedTokens } from '../domain/access/tokens/issue.js';

/** Issued tokens in the engine's shape, which requires a client and a user. */
export function toEngineToken(
  { accessToken, refreshToken, expiresIn, scopes }: IssuedTokens,
  client: OAuth2Server.Client,
  user: OAuth2Server.User,
): OAuth2Server.Token {
  return { accessToken, ...(refreshToken && { refreshToken }), expiresIn, scope: [...scopes], client, user };
}
