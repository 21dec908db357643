import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export const CLIENT = { id: 'chat', secret: 'a secret that both know' };

/** The claims of an account, by its login at the provider. */
export type Claims = Record<string, string | boolean>;

/** oidc-provider on a free port of the loopback address, with its own plain pages to sign in and agree. */
export async function startOidcProvider(redirectUri: string, accounts: ReadonlyMap<string, Claims>) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['preferred_username', 'given_name', 'family_name', 'name'],
    },
    // Puts the claims into the ID token, since the service reads nothing else.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ['a key'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
  });
  server.on('request', provider.callback());
  return {
    issuer,
    /** The token endpoint's answers may be changed on their way. */
    provider,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
