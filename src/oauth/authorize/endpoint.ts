import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BrowserSessions } from '../../domain/browser-sessions.js';
import type { Clients } from '../../domain/clients.js';
import type { SignIn } from '../../domain/sign-in.js';
import type { Tokens } from '../../domain/tokens/tokens.js';
import type { UserProfile } from '../../domain/viewer.js';
import { type Parameters, readParameters } from '../form.js';
import { consentPage } from '../pages/consent-page.js';
import { sendPage } from '../pages/page.js';
import { problemPage } from '../pages/problem-page.js';
import { signInPage } from '../pages/sign-in-page.js';
import type { PublicAddress } from '../public-address.js';
import { answerClient, cspSource } from './answer.js';
import { AuthorizationRefusal, type AuthorizationRequest, readAuthorizationRequest } from './authorization-request.js';
import { type Browser, csrfToken, isCsrfToken } from './browser.js';

export const AUTHORIZE_PATH = '/oauth/authorize/';

export interface AuthorizeOptions {
  clients: Clients;
  tokens: Tokens;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  browser: Browser;
  issuerOf: PublicAddress;
  /** Other ways to sign in, for the page that an authorization request with this query gets. */
  providers(query: string): readonly { label: string; href: string }[];
}

/** One request of a browser: what the client asks, and who the browser is. */
interface Visit {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The authorization request as it came, without the question mark. */
  query: string;
  authorization: AuthorizationRequest;
  secret: string;
}

/** https://datatracker.ietf.org/doc/html/rfc6749#section-3.1: a page that asks who you are, then whether you agree. */
export class AuthorizeEndpoint {
  constructor(private readonly options: AuthorizeOptions) {}

  readonly get = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const asked = await this.readRequest(request);
    const secret = this.options.browser.ensureSecret(request, reply);
    const visit = { request, reply, secret, ...asked };
    const user = await this.options.browserSessions.find(secret);
    return user ? this.sendConsent(visit, user) : this.sendSignIn(visit);
  };

  readonly post = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const form = await readParameters(request);
    // A client may send its request as a form too (§3.1), which the browser's cookie then does not come with.
    if (!form.has('action') && queryOf(request) === '')
      return reply.redirect(pageFor(`${new URLSearchParams([...form])}`), 303);
    const asked = await this.readRequest(request);
    const secret = this.options.browser.secret(request);
    // No cookie is set here: a form of another site comes without the one that the browser has, and would replace it.
    if (secret === undefined || !isOwnForm(request, form, secret)) return sendPage(reply, 403, tooOldPage(asked.query));
    const visit = { request, reply, secret, ...asked };
    switch (form.get('action')) {
      case 'sign-in':
        return this.trySignIn(visit, form);
      case 'allow':
        return this.allow(visit);
      case 'sign-out':
        return this.signOut(visit);
      default:
        throw new AuthorizationRefusal(visit.authorization.answerTo, 'access_denied', 'The user did not agree.');
    }
  };

  private async readRequest(request: FastifyRequest): Promise<Pick<Visit, 'query' | 'authorization'>> {
    const query = queryOf(request);
    return { query, authorization: await readAuthorizationRequest(this.options.clients, new URLSearchParams(query)) };
  }

  private async trySignIn(visit: Visit, form: Parameters): Promise<FastifyReply> {
    const [username = '', password = ''] = [form.get('username'), form.get('password')];
    const signedIn = await this.options.signIn.authenticate(username, password, visit.request.ip);
    const secret = signedIn && (await this.options.browserSessions.start(signedIn.user.id, signedIn.passwordVersion));
    if (secret === undefined) return this.sendSignIn(visit, 'The username or the password is wrong.', username);
    await this.options.browserSessions.end(visit.secret);
    this.options.browser.setSecret(visit.request, visit.reply, secret);
    return visit.reply.redirect(pageFor(visit.query), 303);
  }

  private async allow({ request, reply, query, authorization, secret }: Visit): Promise<FastifyReply> {
    const { client, answerTo, redirectUri, scopes, codeChallenge } = authorization;
    const code = await this.options.tokens.createCode({
      browserSession: secret,
      clientId: client.id,
      redirectUri,
      scopes,
      codeChallenge,
    });
    // The session ended while the page was open: sign in again.
    if (code === undefined) return reply.redirect(pageFor(query), 303);
    return answerClient(reply, answerTo, this.options.issuerOf(request), { code });
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
      providers: this.options.providers(query),
      problem,
      username,
      ...formOf(visit),
    });
    return sendPage(reply, problem === undefined ? 200 : 400, page);
  }

  private sendConsent(visit: Visit, user: UserProfile): FastifyReply {
    const { client, scopes, answerTo } = visit.authorization;
    const destination = destinationOf(answerTo.uri);
    return sendPage(
      visit.reply,
      200,
      consentPage({ clientName: client.name, user, scopes, destination, ...formOf(visit) }),
    );
  }
}

/** The page again, for the same authorization request. */
export function pageFor(query: string): string {
  return `${AUTHORIZE_PATH}?${query}`;
}

export function queryOf(request: FastifyRequest): string {
  const mark = request.url.indexOf('?');
  return mark === -1 ? '' : request.url.slice(mark + 1);
}

function formOf({ query, secret, authorization }: Visit) {
  return {
    action: pageFor(query),
    csrf: csrfToken(secret, query),
    formTargets: [`'self'`, cspSource(authorization.answerTo.uri)],
  };
}

/** Browsers say themselves when another site sent the form; the token says it where they do not. */
function isOwnForm(request: FastifyRequest, form: Parameters, secret: string): boolean {
  const site = request.headers['sec-fetch-site'];
  return site !== 'cross-site' && site !== 'same-site' && isCsrfToken(form.get('csrf'), secret, queryOf(request));
}

function tooOldPage(query: string) {
  return problemPage(
    'This page is too old',
    'It was opened before you signed in or out, or your browser does not keep cookies for this site.',
    { label: 'Try again', href: pageFor(query) },
  );
}

/** The host that people know an application by, or the application itself when it is installed on the device. */
function destinationOf(uri: string): string {
  const { host, protocol } = new URL(uri);
  return /^https?:$/.test(protocol) ? host : 'the application on your device';
}
