import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ExternalIdentity } from '../../domain/external-users.js';
import type { Browser } from '../authorize/browser.js';
import type { PublicAddress } from '../public-address.js';
import { fetchJson, textOf } from './fetch-json.js';
import { OAuthClient } from './oauth-client.js';
import { type ExternalProvider, ExternalSignInError } from './provider.js';

export interface GithubSettings {
  clientId: string;
  clientSecret: string;
  /** Origins; those of github.com by default. */
  site?: string | undefined;
  api?: string | undefined;
}

/**
 * GitHub, which speaks OAuth2 but not OpenID Connect: who signed in is asked of its API with the access token, which came
 * straight from it. https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export class GithubProvider implements ExternalProvider {
  readonly key = 'github';
  readonly label = 'GitHub';
  private readonly client: OAuthClient;
  private readonly site: string;
  private readonly api: string;

  constructor(settings: GithubSettings, context: { browser: Browser; addressOf: PublicAddress }) {
    this.site = settings.site ?? 'https://github.com';
    this.api = settings.api ?? 'https://api.github.com';
    this.client = new OAuthClient({ key: this.key, ...context }, async () => ({
      scope: [],
      credentials: {
        client: { id: settings.clientId, secret: settings.clientSecret },
        auth: {
          tokenHost: this.site,
          tokenPath: '/login/oauth/access_token',
          authorizePath: '/login/oauth/authorize',
        },
      },
    }));
  }

  start(request: FastifyRequest, reply: FastifyReply): Promise<URL> {
    return this.client.authorizationUrl(request, reply);
  }

  async finish(request: FastifyRequest, reply: FastifyReply): Promise<ExternalIdentity> {
    const { access_token: accessToken } = await this.client.exchange(request, reply);
    if (!accessToken) throw new ExternalSignInError('GitHub gave no access token.');
    const user = await fetchJson(new URL('/user', this.api), { authorization: `Bearer ${accessToken}` });
    if (typeof user.id !== 'number') throw new ExternalSignInError('GitHub did not say who signed in.');
    return {
      issuer: this.site,
      subject: String(user.id),
      usernames: [textOf(user.login)],
      email: textOf(user.email),
      firstName: textOf(user.name),
    };
  }
}
