import type OAuth2Server from '@node-oauth/oauth2-server';
import type { OAuthClient } from '../domain/clients.js';
import { selectScopes } from '../domain/scopes.js';
import type { SignIn } from '../domain/sign-in.js';
import type { Tokens } from '../domain/tokens/tokens.js';
import { toEngineToken } from './engine-token.js';
import { invalidGrant } from './problem.js';

type Model = OAuth2Server.PasswordModel & OAuth2Server.ClientCredentialsModel;

/** What the engine asks while it runs a grant for a client that has authenticated. */
export function grantModel(services: { tokens: Tokens; signIn: SignIn }, client: OAuthClient, address: string): Model {
  const { tokens, signIn } = services;
  return {
    getClient: async () => client,

    /** See `engineText`: the values come encoded. */
    async getUser(username, password) {
      const signedIn = await signIn.authenticate(decodeURIComponent(username), decodeURIComponent(password), address);
      if (!signedIn) throw invalidGrant('Invalid credentials given.');
      return { id: signedIn.user.id, passwordVersion: signedIn.passwordVersion };
    },

    /** A client acts for itself; the engine wants an object all the same. */
    getUserFromClient: async () => ({}),

    validateScope: async (_user, _client, asked) => selectScopes(asked, client.scopes),

    /**
     * The engine's own random tokens are left unused: `Tokens` makes them and stores their hashes in one statement. A
     * refresh token goes only to a client that could use it.
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

    /** Resources ask `Tokens.authenticate`; no token of ours is checked by the engine. */
    getAccessToken: async () => undefined,
  };
}
