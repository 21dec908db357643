import type { Fetch } from './http.js';
import type { OAuth, OAuthOptions } from './oauth.js';

/** The sign-in, whose code is loaded when it is used. What fails to load is loaded again the next time. */
export function lazyOAuth(url: string, options: OAuthOptions, fetch: Fetch): OAuth {
  let oauth: Promise<OAuth> | undefined;
  const load = () => {
    oauth ??= import('./oauth.js').then(({ oauthAt }) => oauthAt(url, options, fetch));
    oauth.catch(() => {
      oauth = undefined;
    });
    return oauth;
  };
  return {
    signInUrl: async () => (await load()).signInUrl(),
    finishSignIn: async (address) => (await load()).finishSignIn(address),
    isSignedIn: async () => (await load()).isSignedIn(),
    signOut: async () => (await load()).signOut(),
    token: async (refused) => (await load()).token(refused),
  };
}
