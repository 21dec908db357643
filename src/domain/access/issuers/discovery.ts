import { type FetchOptions, fetchJson, ProviderError, textOf } from './fetch-json.js';

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata */
export type ProviderMetadata = Record<string, unknown>;

/** Fetches a provider's metadata. @throws ProviderError when the provider is unavailable or names another issuer (§4.3) */
export async function fetchMetadata(issuer: string, options?: FetchOptions): Promise<ProviderMetadata> {
  const metadata = await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), options);
  if (metadata.issuer !== issuer) throw new ProviderError(`${issuer} names another issuer in its metadata.`);
  return metadata;
}

/**
 * An endpoint in the metadata. It receives codes and secrets, or gives keys, so it must be https when the issuer is.
 * @throws ProviderError
 */
export function endpointIn(metadata: ProviderMetadata, name: string, issuer: string): URL {
  const url = textOf(metadata[name]);
  if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url))
    throw new ProviderError(`The provider's metadata lacks ${name}.`);
  const found = new URL(url);
  if (new URL(issuer).protocol === 'https:' && found.protocol !== 'https:')
    throw new ProviderError(`The provider's metadata has a ${name} that is not https.`);
  return found;
}
