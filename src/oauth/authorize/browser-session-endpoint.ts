import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BrowserSessions } from '../../domain/access/browser-sessions.js';
import type { SignInCodes } from '../../domain/access/sign-in-codes.js';
import { MAX_BODY, readParameters } from '../form.js';
import { disableCors } from '../pages/disable-cors.js';
import { invalidRequest, OAuthProblem } from '../problem.js';
import type { BrowserCookie } from './browser-cookie.js';

const PATH = '/oauth/browser_session';

export interface BrowserSessionOptions {
  browserSessions: BrowserSessions;
  signInCodes: SignInCodes;
  browser: BrowserCookie;
}

/**
 * The browser session of the service's own page: POST with a `code` begins one, which the authorization page then finds; DELETE ends
 * it, so that whoever signs out there is signed out of the authorization page too. Other sites cannot call it.
 */
export async function browserSessionPlugin(app: FastifyInstance, options: BrowserSessionOptions): Promise<void> {
  const { browserSessions, signInCodes, browser } = options;
  disableCors(app);
  app.post(PATH, { bodyLimit: MAX_BODY }, async (request, reply) => {
    refuseOtherSites(request);
    const code = (await readParameters(request)).get('code');
    if (code === undefined) throw invalidRequest('Request is missing code parameter.');
    const secret = await signInCodes.redeem(code);
    if (secret === undefined) throw new OAuthProblem('invalid_grant', 'The code is not valid, or no more.');
    const before = browser.secret(request);
    if (before !== undefined) await browserSessions.end(before);
    browser.setSecret(request, reply, secret);
    return reply.code(204).send();
  });
  app.delete(PATH, async (request, reply) => {
    refuseOtherSites(request);
    const secret = browser.secret(request);
    if (secret !== undefined) await browserSessions.end(secret);
    browser.clear(request, reply);
    return reply.code(204).send();
  });
}

/** By `Sec-Fetch-Site`; browsers without it send no `SameSite=Lax` cookie with such a request. */
function refuseOtherSites({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new OAuthProblem('access_denied', 'Only the page of this service may do that.', { status: 403 });
}
