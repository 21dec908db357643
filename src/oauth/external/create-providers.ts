import type { Browser } from '../authorize/browser.js';
import type { PublicAddress } from '../public-address.js';
import { GithubProvider, type GithubSettings } from './github-provider.js';
import { OidcProvider, type OidcSettings } from './oidc-provider.js';
import type { ExternalProvider } from './provider.js';

export type ExternalProviderSettings = ({ kind: 'oidc' } & OidcSettings) | ({ kind: 'github' } & GithubSettings);

export function createProviders(
  settings: readonly ExternalProviderSettings[],
  context: { browser: Browser; addressOf: PublicAddress },
): ExternalProvider[] {
  return settings.map((each) =>
    each.kind === 'github' ? new GithubProvider(each, context) : new OidcProvider(each, context),
  );
}
