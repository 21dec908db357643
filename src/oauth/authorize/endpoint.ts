import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BrowserSessions } from '../../domain/access/browser-sessions.js';
import type { Clients } from '../../domain/access/clients.js';
import type { SignIn } from '../../domain/access/sign-in.js';
import type { Tokens } from '../../domain/access/tokens/tokens.js';
import { isOwnWebClient } from '../../domain/access/web-client.js';
import type { UserProfile } from '../../domain/profile.js';
import { clientAddress } from '../../plugins/limits/address.js';
import { type Parameters, readParameters } from '../form.js';
import { consentPage } from '../pages/consent-page.js';
import { sendPage } from '../pages/page.js';
import { problemPage } from '../pages/problem-page.js';
import { signInPage } from '../pages/sign-in-page.js';
import type { PublicUrlOf } from '../public-url.js';
import { AuthorizationRefusal, type AuthorizationRequest, readAuthorizationRequest } from './authorization-request.js';
import { type BrowserCookie, csrfToken, isCsrfToken } from './browser-cookie.js';
import { cspSource, redirectToClient } from './client-redirect.js';

export const AUTHORIZE_PATH = '/oauth/authorize/';

export interface AuthorizeOptions {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  browser: BrowserCookie;
  issuerOf: PublicUrlOf;
  /** Links to external providers for the sign-in page of an authorization request with this query. */
  providers(query: string): readonly { label: string; href: string }[];
}

/** One request of a browser, with the authorization request and the browser's secret. */
interface Visit {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The query of the authorization request, without the question mark. */
  query: string;
  authorization: AuthorizationRequest;
  secret: string;
}

/** https://datatracker.ietf.org/doc/html/rfc6749#section-3.1: a page to sign in, then a page to consent. */
export class AuthorizeEndpoint {
  constructor(private readonly options: AuthorizeOptions) {}

  readonly get = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const asked = await this.readRequest(request);
    const secret = this.options.browser.ensureSecret(request, reply);
    const visit = { request, reply, secret, ...asked };
    const user = hasPromptLogin(asked.query) ? undefined : await this.options.browserSessions.find(secret);
    if (!user) return this.sendSignIn(visit);
    const { client, redirectTarget } = asked.authorization;
    if (isOwnWebClient(client, redirectTarget.uri, this.options.issuerOf(request))) return this.allow(visit);
    return this.sendConsent(visit, user);
  };

  readonly post = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const form = await readParameters(request);
    // A client may send its request as a form (§3.1). Browsers send no cookie with it, so it is redirected to GET.
    if (!form.has('action') && queryOf(request) === '')
      return reply.redirect(pageFor(`${new URLSearchParams([...form])}`), 303);
    const asked = await this.readRequest(request);
    const secret = this.options.browser.secret(request);
    // Sets no cookie: a form of another site comes without the browser's cookie, and would replace it.
    if (secret === undefined || !isOwnForm(request, form, secret))
      return sendPage(reply, 403, staleFormPage(asked.query));
    const visit = { request, reply, secret, ...asked };
    switch (form.get('action')) {
      case 'sign-in':
        return this.trySignIn(visit, form);
      case 'allow':
        return this.allow(visit);
      case 'sign-out':
        return this.signOut(visit);
      default:
        throw new AuthorizationRefusal(visit.authorization.redirectTarget, 'access_denied', 'The user did not agree.');
    }
  };

  private async readRequest(request: FastifyRequest): Promise<Pick<Visit, 'query' | 'authorization'>> {
    const query = queryOf(request);
    return { query, authorization: await readAuthorizationRequest(this.options.clients, new URLSearchParams(query)) };
  }

  private async trySignIn(visit: Visit, form: Parameters): Promise<FastifyReply> {
    const [username = '', password = ''] = [form.get('username'), form.get('password')];
    const signedIn = await this.options.signIn.authenticate(username, password, clientAddress(visit.request));
    const secret = signedIn && (await this.options.browserSessions.start(signedIn.user.id, signedIn.passwordVersion));
    if (secret === undefined) return this.sendSignIn(visit, 'The username or the password is wrong.', username);
    await this.options.browserSessions.end(visit.secret);
    this.options.browser.setSecret(visit.request, visit.reply, secret);
    return visit.reply.redirect(pageFor(withoutPrompt(visit.query)), 303);
  }

  private async allow({ request, reply, query, authorization, secret }: Visit): Promise<FastifyReply> {
    const { client, redirectTarget, redirectUri, scopes, codeChallenge } = authorization;
    const code = await this.options.tokens.createCode({
      browserSession: secret,
      clientId: client.id,
      redirectUri,
      scopes,
      codeChallenge,
    });
    // The session ended while the page was open, so the user must sign in again.
    if (code === undefined) return reply.redirect(pageFor(query), 303);
    return redirectToClient(reply, redirectTarget, this.options.issuerOf(request), { code });
  }

  private async signOut({ request, reply, query, secret }: Visit): Promise<FastifyReply> {
    await this.options.browserSessions.end(secret);
    this.options.browser.clear(request, reply);
    return reply.redirect(pageFor(query), 303);
  }

  private sendSignIn(visit: Visit, problem?: string, username?: string): FastifyReply {
    const { reply, query, authorization } = visit;
    const page = signInPage({
      clientName: authorization.client.name,
      providers: this.options.providers(withoutPrompt(query)),
      problem,
      username: username ?? loginHint(query),
      ...formOf(visit),
    });
    return sendPage(reply, problem === undefined ? 200 : 400, page);
  }

  private sendConsent(visit: Visit, user: UserProfile): FastifyReply {
    const { client, scopes, redirectTarget } = visit.authorization;
    const destination = destinationOf(redirectTarget.uri);
    return sendPage(
      visit.reply,
      200,
      consentPage({ clientName: client.name, user, scopes, destination, ...formOf(visit) }),
    );
  }
}

/** The path of the authorization page for a request with this query. */
export function pageFor(query: string): string {
  return `${AUTHORIZE_PATH}?${query}`;
}

export function queryOf(request: FastifyRequest): string {
  const mark = request.url.indexOf('?');
  return mark === -1 ? '' : request.url.slice(mark + 1);
}

/**
 * Whether the user is asked to sign in although they are signed in: as somebody else
 * (https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest, `prompt`). Other values are ignored.
 */
function hasPromptLogin(query: string): boolean {
  return (new URLSearchParams(query).get('prompt') ?? '').split(' ').includes('login');
}

/** What is asked of the user after they have signed in. */
function withoutPrompt(query: string): string {
  const parameters = new URLSearchParams(query);
  parameters.delete('prompt');
  return `${parameters}`;
}

/** The username that the client expects (same place, `login_hint`). */
function loginHint(query: string): string | undefined {
  return new URLSearchParams(query).get('login_hint')?.slice(0, 150);
}

function formOf({ query, secret, authorization }: Visit) {
  return {
    action: pageFor(query),
    csrf: csrfToken(secret, query),
    formTargets: [`'self'`, cspSource(authorization.redirectTarget.uri)],
  };
}

/** False for a form that another site sent: by `Sec-Fetch-Site`, and by the CSRF token for browsers without that header. */
function isOwnForm(request: FastifyRequest, form: Parameters, secret: string): boolean {
  const site = request.headers['sec-fetch-site'];
  return site !== 'cross-site' && site !== 'same-site' && isCsrfToken(form.get('csrf'), secret, queryOf(request));
}

function staleFormPage(query: string) {
  return problemPage(
    'This page is too old',
    'It was opened before you signed in or out, or your browser does not keep cookies for this site.',
    { label: 'Try again', href: pageFor(query) },
  );
}

/** Names the redirect URI's owner for people: its host, or the application on their device for a private-use scheme. */
function destinationOf(uri: string): string {
  const { host, protocol } = new URL(uri);
  return /^https?:$/.test(protocol) ? host : 'the application on your device';
}
