import type OAuth2Server from '@node-oauth/oauth2-server';
import { type Grant, TOKEN_EXCHANGE } from '../domain/access/client-rules.js';
import type { OAuthClient } from '../domain/access/clients.js';
import { selectScopes } from '../domain/access/scopes.js';
import type { SignIn } from '../domain/access/sign-in.js';
import type { Tokens } from '../domain/access/tokens/tokens.js';
import { toEngineToken } from './engine-token.js';
import { invalidGrant } from './problem.js';

type Model = OAuth2Server.PasswordModel & OAuth2Server.ClientCredentialsModel;

/** The engine's callbacks during a grant of an authenticated client. */
export function grantModel(services: { tokens: Tokens; signIn: SignIn }, client: OAuthClient, address: string): Model {
  const { tokens, signIn } = services;
  return {
    /** The engine compares the grants with `grant_type`. */
    getClient: async () => ({ ...client, grants: client.grants.map(grantTypeOf) }),

    /** The values are encoded by `engineText`. */
    async getUser(username, password) {
      const signedIn = await signIn.authenticate(decodeURIComponent(username), decodeURIComponent(password), address);
      if (!signedIn) throw invalidGrant('Invalid credentials given.');
      return { id: signedIn.user.id, passwordVersion: signedIn.passwordVersion };
    },

    /** The client acts for itself, or as its bot. The engine requires an object. */
    getUserFromClient: async () => (client.userId === null ? {} : { id: client.userId }),

    validateScope: async (_user, _client, requested) => selectScopes(requested, client.scopes),

    /**
     * Ignores the engine's random tokens: `Tokens` generates tokens and stores their hashes in one statement. Only a client with the
     * grant `refresh_token` gets a refresh token.
     */
    async saveToken({ refreshToken, scope }, engineClient, user) {
      const issued = await tokens.issue({
        clientId: client.id,
        userId: typeof user.id === 'string' ? user.id : null,
        passwordVersion: typeof user.passwordVersion === 'number' ? user.passwordVersion : undefined,
        scopes: selectScopes(scope, client.scopes) ?? [],
        withRefreshToken: refreshToken !== undefined && client.grants.includes('refresh_token'),
      });
      if (!issued) throw invalidGrant('Invalid credentials given.');
      return toEngineToken(issued, engineClient, user);
    },

    /** Unused: `Tokens.authenticate` verifies access tokens, not the engine. */
    getAccessToken: async () => undefined,
  };
}

function grantTypeOf(grant: Grant): string {
  return grant === 'token_exchange' ? TOKEN_EXCHANGE : grant;
}
