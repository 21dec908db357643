import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose';
import { endpointIn, fetchMetadata } from '../../domain/access/issuers/discovery.js';
import { PROVIDER_TIMEOUT_MS, readText } from '../../domain/access/issuers/fetch-json.js';

/** The used part of https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata */
export interface OidcMetadata {
  authorizationEndpoint: URL;
  tokenEndpoint: URL;
  keys: JWTVerifyGetKey;
  /** Where the provider expects the client's secret; the Authorization header by default. */
  secretIn: 'header' | 'body';
}

/** Fetches a provider's metadata. @throws ProviderError when the provider is unavailable or names another issuer (§4.3) */
export async function discover(issuer: string): Promise<OidcMetadata> {
  const metadata = await fetchMetadata(issuer);
  const methods: unknown = metadata.token_endpoint_auth_methods_supported;
  const bodyOnly = Array.isArray(methods) && !methods.includes('client_secret_basic');
  return {
    authorizationEndpoint: endpointIn(metadata, 'authorization_endpoint', issuer),
    tokenEndpoint: endpointIn(metadata, 'token_endpoint', issuer),
    keys: createRemoteJWKSet(endpointIn(metadata, 'jwks_uri', issuer), {
      timeoutDuration: PROVIDER_TIMEOUT_MS,
      [customFetch]: fetchBounded,
    }),
    secretIn: bodyOnly && methods.includes('client_secret_post') ? 'body' : 'header',
  };
}

/** Fetches the provider's keys with the size limit of its other answers. */
const fetchBounded: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options);
  return new Response(await readText(response, new URL(url)), { status: response.status });
};
