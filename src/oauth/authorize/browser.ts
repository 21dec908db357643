import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isToken, newToken } from '../../domain/tokens/opaque-token.js';
import type { PublicAddress } from '../public-address.js';

/**
 * The browser's cookie on the authorization page. Its value is the secret of a browser session (`BrowserSessions`) once
 * somebody has signed in, and before that a random one of the same form that stands for nobody. A sign-in always makes a new
 * one, so that nobody can prepare the session of somebody else.
 *
 * With https its name begins with `__Host-`, and no other host and no plain connection can set it.
 */
export class Browser {
  constructor(private readonly addressOf: PublicAddress) {}

  /** The cookie's secret; undefined when there is none, or one that was never handed out. */
  secret(request: FastifyRequest): string | undefined {
    const value = request.cookies[this.cookieName(request)];
    return value !== undefined && isToken('browserSession', value) ? value : undefined;
  }

  /** The same, made and set when there is none. */
  ensureSecret(request: FastifyRequest, reply: FastifyReply): string {
    const present = this.secret(request);
    if (present !== undefined) return present;
    const secret = newToken('browserSession');
    this.setSecret(request, reply, secret);
    return secret;
  }

  setSecret(request: FastifyRequest, reply: FastifyReply, secret: string): void {
    reply.setCookie(this.cookieName(request), secret, this.cookieOptions(request));
  }

  clear(request: FastifyRequest, reply: FastifyReply): void {
    reply.clearCookie(this.cookieName(request), this.cookieOptions(request));
  }

  /** Lax, so that the cookie comes along when a client sends its user here. Without an end, so that it ends with the browser. */
  cookieOptions(request: FastifyRequest) {
    return { path: '/', httpOnly: true, sameSite: 'lax', secure: this.isSecure(request) } as const;
  }

  isSecure(request: FastifyRequest): boolean {
    return this.addressOf(request).startsWith('https:');
  }

  private cookieName(request: FastifyRequest): string {
    return this.isSecure(request) ? '__Host-chat_browser' : 'chat_browser';
  }
}

/**
 * What a form of this page must bring back: it proves that the page was given to this browser, for this authorization
 * request. Keyed by the cookie's secret, which no script and no other site can read, it needs no place on the server.
 */
export function csrfToken(secret: string, query: string): string {
  return createHmac('sha256', secret).update('authorization form\n').update(query).digest('base64url');
}

export function isCsrfToken(presented: string | undefined, secret: string, query: string): boolean {
  const expected = Buffer.from(csrfToken(secret, query));
  const given = Buffer.from(presented ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
