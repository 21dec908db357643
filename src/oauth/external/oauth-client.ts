import fastifyOAuth2, { type FastifyOAuth2Options, type OAuth2Namespace } from '@fastify/oauth2';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Browser } from '../authorize/browser.js';
import type { PublicAddress } from '../public-address.js';
import { ExternalSignInError } from './provider.js';

export type ClientSettings = Pick<FastifyOAuth2Options, 'credentials' | 'scope'>;

/** Milliseconds and bytes: a provider that is slow, or sends without end, holds nobody up. */
export const PROVIDER_PATIENCE_MS = 5000;
const MAX_ANSWER = 64 * 1024;

interface Context {
  key: string;
  browser: Browser;
  addressOf: PublicAddress;
}

/**
 * This service as the OAuth2 client of an external provider: @fastify/oauth2 with PKCE and a state that is bound to the
 * browser by a cookie. It is put together at the first sign-in, when the provider's addresses are known: a provider that is
 * away keeps nobody from signing in otherwise, and the service from nothing.
 */
export class OAuthClient {
  private readonly namespaces = new Map<boolean, OAuth2Namespace>();

  constructor(
    private readonly context: Context,
    private readonly settings: () => Promise<ClientSettings>,
  ) {}

  async authorizationUrl(request: FastifyRequest, reply: FastifyReply): Promise<URL> {
    const namespace = await this.namespace(request);
    return new URL(await namespace.generateAuthorizationUri(request, reply));
  }

  /** The token endpoint's answer. @throws ExternalSignInError for another browser's state and for a refused code */
  async exchange(request: FastifyRequest, reply: FastifyReply): Promise<{ access_token: string; id_token?: string }> {
    const namespace = await this.namespace(request);
    try {
      return (await namespace.getAccessTokenFromAuthorizationCodeFlow(request, reply)).token;
    } catch (error) {
      // The cause would tell the log of the code and its verifier.
      throw new ExternalSignInError(error instanceof Error ? error.message : 'The code was refused.');
    }
  }

  private async namespace(request: FastifyRequest): Promise<OAuth2Namespace> {
    const secure = this.context.browser.isSecure(request);
    const present = this.namespaces.get(secure);
    if (present) return present;
    const namespace = await this.register(secure);
    this.namespaces.set(secure, namespace);
    return namespace;
  }

  private async register(secure: boolean): Promise<OAuth2Namespace> {
    const { key, addressOf } = this.context;
    const { credentials, scope } = await this.settings();
    const host = Fastify({ logger: false });
    await host.register(fastifyOAuth2, {
      name: 'external',
      scope,
      credentials: { ...credentials, http: { timeout: PROVIDER_PATIENCE_MS, maxBytes: MAX_ANSWER } },
      callbackUri: (request) => `${addressOf(request)}${callbackPath(key)}`,
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

export function callbackPath(key: string): string {
  return `/oauth/external/${key}/callback/`;
}
