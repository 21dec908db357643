import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration, type JWKS } from 'oidc-provider';

export const CLIENT = { id: 'chat', secret: 'a secret that both know' };

/** The claims of an account, by its login at the provider. */
export type Claims = Record<string, unknown>;

/** A service for which the provider gives JWTs as access tokens (RFC 9068). */
export interface TokenAudience {
  audience: string;
  /** The private keys that the provider signs with, the newest first. */
  keys: JWKS;
  /** May change the claims of an access token before it is signed. */
  change?: (claims: Claims) => void;
}

/**
 * oidc-provider on a free port of the loopback address, with its own plain pages to sign in and agree.
 * @param tokens without it access tokens are opaque, and for the provider itself
 */
export async function startOidcProvider(
  redirectUri: string,
  accounts: ReadonlyMap<string, Claims>,
  tokens?: TokenAudience,
) {
  let answer: RequestListener = () => {};
  const server = createServer((request, response) => answer(request, response));
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const start = (keys?: JWKS) => {
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          redirect_uris: [redirectUri],
          grant_types: ['authorization_code'],
          response_types: ['code'],
          ...(tokens && { id_token_signed_response_alg: 'ES256' }),
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
      ...(keys && { jwks: keys }),
      ...(tokens && jwtAccessTokens(tokens, accounts)),
    });
    answer = provider.callback();
    return provider;
  };
  return {
    issuer,
    /** The token endpoint's answers may be changed on their way. */
    provider: start(tokens?.keys),
    /** Signs with other keys from now on, and publishes them alone. */
    rotateKeys: (keys: JWKS) => void start(keys),
    /** Nobody can reach it, until `comeBack`. */
    goAway: close,
    comeBack: () => listen(port),
    close,
  };
}

/** Access tokens carry the claims of their account. */
function jwtAccessTokens({ audience, change }: TokenAudience, accounts: ReadonlyMap<string, Claims>): Configuration {
  return {
    scopes: ['openid', 'chat:read', 'chat:write'],
    features: {
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${audience}`,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'chat:read chat:write',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (_context, token, { payload }) => {
          if ('accountId' in token) Object.assign(payload, accounts.get(token.accountId));
          change?.(payload);
        },
      },
    },
  };
}
