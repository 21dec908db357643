import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose';
import { fetchJson, readText, textOf } from './fetch-json.js';
import { ExternalSignInError } from './provider.js';
import { PROVIDER_TIMEOUT_MS } from './provider-client.js';

/** The used part of https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata */
export interface OidcMetadata {
  authorizationEndpoint: URL;
  tokenEndpoint: URL;
  keys: JWTVerifyGetKey;
  /** Where the provider expects the client's secret; the Authorization header by default. */
  secretIn: 'header' | 'body';
}

/** Fetches a provider's metadata. @throws ExternalSignInError when the provider is unavailable or names another issuer (§4.3) */
export async function discover(issuer: string): Promise<OidcMetadata> {
  const metadata = await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  if (metadata.issuer !== issuer) throw new ExternalSignInError(`${issuer} names another issuer in its metadata.`);
  const methods: unknown = metadata.token_endpoint_auth_methods_supported;
  const bodyOnly = Array.isArray(methods) && !methods.includes('client_secret_basic');
  const endpointOf = (name: string) => endpoint(metadata, name, new URL(issuer).protocol);
  return {
    authorizationEndpoint: endpointOf('authorization_endpoint'),
    tokenEndpoint: endpointOf('token_endpoint'),
    keys: createRemoteJWKSet(endpointOf('jwks_uri'), {
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

/** An endpoint in the metadata. It receives codes and secrets, so it must be https when the issuer is. */
function endpoint(metadata: Record<string, unknown>, name: string, scheme: string): URL {
  const url = textOf(metadata[name]);
  if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url))
    throw new ExternalSignInError(`The provider's metadata lacks ${name}.`);
  const found = new URL(url);
  if (scheme === 'https:' && found.protocol !== 'https:')
    throw new ExternalSignInError(`The provider's metadata has a ${name} that is not https.`);
  return found;
}
