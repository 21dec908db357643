import type { BrowserCookie } from '../authorize/browser-cookie.js';
import type { PublicUrlOf } from '../public-url.js';
import type { GithubSettings } from './github-provider.js';
import type { OidcSettings } from './oidc-provider.js';
import type { ExternalProvider } from './provider.js';

export type ExternalProviderSettings = ({ kind: 'oidc' } & OidcSettings) | ({ kind: 'github' } & GithubSettings);

/** The configured providers. Loads their code only when there are any. */
export async function createProviders(
  settings: readonly ExternalProviderSettings[],
  context: { browser: BrowserCookie; publicUrlOf: PublicUrlOf },
): Promise<ExternalProvider[]> {
  if (settings.length === 0) return [];
  const [{ GithubProvider }, { OidcProvider }] = await Promise.all([
    import('./github-provider.js'),
    import('./oidc-provider.js'),
  ]);
  return settings.map((each) =>
    each.kind === 'github' ? new GithubProvider(each, context) : new OidcProvider(each, context),
  );
}
