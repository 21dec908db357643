import type { FastifyReply, FastifyRequest } from 'fastify';
import { fetchJson, textOf } from '../../domain/access/issuers/fetch-json.js';
import type { ExternalIdentity } from '../../domain/people/external-users.js';
import type { BrowserCookie } from '../authorize/browser-cookie.js';
import type { PublicUrlOf } from '../public-url.js';
import { type ExternalProvider, ExternalSignInError } from './provider.js';
import { ProviderClient } from './provider-client.js';

export interface GithubSettings {
  clientId: string;
  clientSecret: string;
  /** The origins of the site and of its API; by default those of github.com. */
  site?: string | undefined;
  api?: string | undefined;
}

/**
 * GitHub, which supports OAuth2 but not OpenID Connect: its API tells who signed in.
 * https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export class GithubProvider implements ExternalProvider {
  readonly key = 'github';
  readonly label = 'GitHub';
  private readonly client: ProviderClient;
  private readonly site: string;
  private readonly api: string;

  constructor(settings: GithubSettings, context: { browser: BrowserCookie; publicUrlOf: PublicUrlOf }) {
    this.site = settings.site ?? 'https://github.com';
    this.api = settings.api ?? 'https://api.github.com';
    const clientSettings = {
      scope: [],
      credentials: {
        client: { id: settings.clientId, secret: settings.clientSecret },
        auth: {
          tokenHost: this.site,
          tokenPath: '/login/oauth/access_token',
          authorizePath: '/login/oauth/authorize',
        },
      },
    };
    this.client = new ProviderClient({ key: this.key, ...context }, async () => clientSettings);
  }

  start(request: FastifyRequest, reply: FastifyReply): Promise<URL> {
    return this.client.authorizationUrl(request, reply);
  }

  async finish(request: FastifyRequest, reply: FastifyReply): Promise<ExternalIdentity> {
    const { access_token: accessToken } = await this.client.exchange(request, reply);
    if (!accessToken) throw new ExternalSignInError('GitHub gave no access token.');
    const user = await fetchJson(new URL('/user', this.api), { headers: { authorization: `Bearer ${accessToken}` } });
    if (typeof user.id !== 'number') throw new ExternalSignInError('The answer of GitHub has no user id.');
    return {
      issuer: this.site,
      subject: String(user.id),
      usernames: [textOf(user.login)],
      email: textOf(user.email),
      firstName: textOf(user.name),
    };
  }
}
