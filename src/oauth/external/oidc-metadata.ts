import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import { fetchJson, textOf } from './fetch-json.js';
import { PROVIDER_PATIENCE_MS } from './oauth-client.js';
import { ExternalSignInError } from './provider.js';

/** What is needed of https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata */
export interface OidcMetadata {
  authorizationEndpoint: URL;
  tokenEndpoint: URL;
  keys: JWTVerifyGetKey;
  /** Whether the client's secret goes into the Authorization header, the default, or into the body. */
  secretIn: 'header' | 'body';
}

/** @throws ExternalSignInError when the provider is away, or is another than the one asked for (§4.3) */
export async function discover(issuer: string): Promise<OidcMetadata> {
  const metadata = await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  if (metadata.issuer !== issuer) throw new ExternalSignInError(`${issuer} says that it is another issuer.`);
  const methods: unknown = metadata.token_endpoint_auth_methods_supported;
  const bodyOnly = Array.isArray(methods) && !methods.includes('client_secret_basic');
  return {
    authorizationEndpoint: endpoint(metadata, 'authorization_endpoint'),
    tokenEndpoint: endpoint(metadata, 'token_endpoint'),
    keys: createRemoteJWKSet(endpoint(metadata, 'jwks_uri'), { timeoutDuration: PROVIDER_PATIENCE_MS }),
    secretIn: bodyOnly && methods.includes('client_secret_post') ? 'body' : 'header',
  };
}

function endpoint(metadata: Record<string, unknown>, name: string): URL {
  const url = textOf(metadata[name]);
  if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url))
    throw new ExternalSignInError(`The provider's metadata lacks ${name}.`);
  return new URL(url);
}
