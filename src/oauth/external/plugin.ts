import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BrowserSessions } from '../../domain/access/browser-sessions.js';
import { ProviderError } from '../../domain/access/issuers/fetch-json.js';
import type { ExternalUsers } from '../../domain/people/external-users.js';
import type { BrowserCookie } from '../authorize/browser-cookie.js';
import { pageFor, queryOf } from '../authorize/endpoint.js';
import { pageErrors } from '../authorize/errors.js';
import { disableCors } from '../pages/disable-cors.js';
import { sendPage } from '../pages/page.js';
import { problemPage } from '../pages/problem-page.js';
import type { PublicUrlOf } from '../public-url.js';
import { callbackPath, type ExternalProvider, ExternalSignInError } from './provider.js';

export interface ExternalSignInOptions {
  providers: readonly ExternalProvider[];
  externalUsers: ExternalUsers;
  browserSessions: BrowserSessions;
  browser: BrowserCookie;
  issuerOf: PublicUrlOf;
}

/** Characters of the query, which the cookie carries: browsers limit a cookie to 4096 bytes. */
const MAX_QUERY = 2500;
/** Longest time of a sign-in at the provider, in seconds. */
const MAX_SIGN_IN_SECONDS = 600;

export const startPath = (key: string) => `/oauth/external/${key}/`;

/** The routes that lead to a provider and from there back to the authorization page. */
export async function externalSignInPlugin(app: FastifyInstance, options: ExternalSignInOptions): Promise<void> {
  app.setErrorHandler(pageErrors(options.issuerOf));
  disableCors(app);
  for (const provider of options.providers) {
    const flow = new ExternalSignIn(provider, options);
    app.get(startPath(provider.key), flow.start);
    app.get(callbackPath(provider.key), flow.finish);
  }
}

/** A sign-in that is under way at the provider. A cookie of its own carries it. */
interface PendingSignIn {
  nonce: string;
  /** The query of the authorization request to continue with. */
  query: string;
}

class ExternalSignIn {
  constructor(
    private readonly provider: ExternalProvider,
    private readonly options: ExternalSignInOptions,
  ) {}

  readonly start = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const query = queryOf(request);
    if (query.length > MAX_QUERY)
      return sendPage(reply, 400, problemPage('This does not work', 'The request of the application is too long.'));
    const nonce = randomBytes(32).toString('base64url');
    this.savePending(request, reply, { nonce, query });
    try {
      return reply.redirect((await this.provider.start(request, reply, nonce)).href, 303);
    } catch (error) {
      return this.fail(error, request, reply, query);
    }
  };

  readonly finish = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { browser, browserSessions, externalUsers } = this.options;
    const pending = this.readPending(request);
    reply.clearCookie(this.cookieName(request), browser.cookieOptions(request));
    if (!pending)
      return sendPage(reply, 400, problemPage('This page is too old', 'Go back to the application and sign in again.'));
    try {
      const parameters = new URLSearchParams(queryOf(request));
      if (parameters.has('error')) throw new ExternalSignInError(`It answered ${parameters.get('error')}.`);
      const identity = await this.provider.finish(request, reply, pending.nonce);
      const secret = await browserSessions.start(await externalUsers.findOrCreate(identity), undefined);
      if (secret === undefined) throw new ExternalSignInError('The account is not active.');
      await browserSessions.end(browser.secret(request) ?? '');
      browser.setSecret(request, reply, secret);
      return reply.redirect(pageFor(pending.query), 303);
    } catch (error) {
      return this.fail(error, request, reply, pending.query);
    }
  };

  private fail(error: unknown, request: FastifyRequest, reply: FastifyReply, query: string): FastifyReply {
    if (!(error instanceof ProviderError)) throw error;
    const { key, label } = this.provider;
    request.log.warn({ provider: key, reason: error.message, err: error.cause }, 'external sign-in failed');
    const text = `Signing in with ${label} did not work. You can try again, or sign in another way.`;
    return sendPage(reply, 400, problemPage('You are not signed in', text, { label: 'Back', href: pageFor(query) }));
  }

  private savePending(request: FastifyRequest, reply: FastifyReply, { nonce, query }: PendingSignIn): void {
    const value = `${nonce}.${Buffer.from(query).toString('base64url')}`;
    const options = { ...this.options.browser.cookieOptions(request), maxAge: MAX_SIGN_IN_SECONDS };
    reply.setCookie(this.cookieName(request), value, options);
  }

  private readPending(request: FastifyRequest): PendingSignIn | undefined {
    const [nonce = '', query] = request.cookies[this.cookieName(request)]?.split('.') ?? [];
    return nonce === '' || query === undefined
      ? undefined
      : { nonce, query: Buffer.from(query, 'base64url').toString('latin1') };
  }

  private cookieName(request: FastifyRequest): string {
    return `${this.options.browser.isSecure(request) ? '__Host-' : ''}chat_external_${this.provider.key}`;
  }
}
