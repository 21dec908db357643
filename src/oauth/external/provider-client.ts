import fastifyOAuth2, { type FastifyOAuth2Options, type OAuth2Namespace } from '@fastify/oauth2';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { PROVIDER_TIMEOUT_MS } from '../../domain/access/issuers/fetch-json.js';
import type { BrowserCookie } from '../authorize/browser-cookie.js';
import type { PublicUrlOf } from '../public-url.js';
import { callbackPath, ExternalSignInError } from './provider.js';

export type ClientSettings = Pick<FastifyOAuth2Options, 'credentials' | 'scope'>;

/** Bytes of an answer of the token endpoint. */
const MAX_ANSWER = 64 * 1024;

interface Context {
  key: string;
  browser: BrowserCookie;
  publicUrlOf: PublicUrlOf;
}

/**
 * The OAuth2 client for an external provider: @fastify/oauth2 with PKCE, and a state that a cookie binds to the browser. Created at the
 * first sign-in, when the provider's endpoints are known, so the service starts and works when a provider is unavailable.
 */
export class ProviderClient {
  private readonly namespaces = new Map<boolean, { settings: ClientSettings; namespace: OAuth2Namespace }>();

  constructor(
    private readonly context: Context,
    /** Returns the same object until the settings change. */
    private readonly settings: () => Promise<ClientSettings>,
  ) {}

  async authorizationUrl(request: FastifyRequest, reply: FastifyReply): Promise<URL> {
    const namespace = await this.namespace(request);
    return new URL(await namespace.generateAuthorizationUri(request, reply));
  }

  /** Exchanges the code for tokens. @throws ExternalSignInError for the state of another browser and for a refused code */
  async exchange(request: FastifyRequest, reply: FastifyReply): Promise<{ access_token: string; id_token?: string }> {
    const namespace = await this.namespace(request);
    try {
      return (await namespace.getAccessTokenFromAuthorizationCodeFlow(request, reply)).token;
    } catch (error) {
      // No cause: it would write the code and its verifier to the log.
      throw new ExternalSignInError(error instanceof Error ? error.message : 'The code was refused.');
    }
  }

  private async namespace(request: FastifyRequest): Promise<OAuth2Namespace> {
    const secure = this.context.browser.isSecure(request);
    const settings = await this.settings();
    const present = this.namespaces.get(secure);
    if (present?.settings === settings) return present.namespace;
    const namespace = await this.register(secure, settings);
    this.namespaces.set(secure, { settings, namespace });
    return namespace;
  }

  private async register(secure: boolean, { credentials, scope }: ClientSettings): Promise<OAuth2Namespace> {
    const { key, publicUrlOf } = this.context;
    const host = Fastify({ logger: false });
    await host.register(fastifyOAuth2, {
      name: 'external',
      scope,
      credentials: { ...credentials, http: { timeout: PROVIDER_TIMEOUT_MS, maxBytes: MAX_ANSWER } },
      callbackUri: (request) => `${publicUrlOf(request)}${callbackPath(key)}`,
      pkce: 'S256',
      hostPrefixedCookies: secure,
      cookie: { path: '/', secure, httpOnly: true, sameSite: 'lax' },
    });
    await host.ready();
    const namespace = host.oauth2External;
    if (!namespace) throw new Error('@fastify/oauth2 did not register.');
    return namespace;
  }
}
