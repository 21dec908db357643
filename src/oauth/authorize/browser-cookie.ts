import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isToken, newToken } from '../../domain/access/tokens/opaque-token.js';
import type { PublicUrlOf } from '../public-url.js';

/**
 * The cookie of the authorization page. Its value is the secret of a browser session (`BrowserSessions`) after a sign-in, and a
 * random secret without a session before. Every sign-in sets a new secret, which prevents session fixation.
 *
 * Over https its name begins with `__Host-`, so that no other host and no plain http connection can set it.
 */
export class BrowserCookie {
  constructor(private readonly publicUrlOf: PublicUrlOf) {}

  /** The cookie's secret; undefined when there is no cookie or its value is malformed. */
  secret(request: FastifyRequest): string | undefined {
    const value = request.cookies[this.cookieName(request)];
    return value !== undefined && isToken('browserSession', value) ? value : undefined;
  }

  /** The cookie's secret. Sets a new cookie when there is none. */
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

  /** `lax`, so that browsers send it when a client redirects its user here. Without an expiry, it ends with the browser. */
  cookieOptions(request: FastifyRequest) {
    return { path: '/', httpOnly: true, sameSite: 'lax', secure: this.isSecure(request) } as const;
  }

  isSecure(request: FastifyRequest): boolean {
    return this.publicUrlOf(request).startsWith('https:');
  }

  private cookieName(request: FastifyRequest): string {
    return this.isSecure(request) ? '__Host-chat_browser' : 'chat_browser';
  }
}

/**
 * The CSRF token of a form: it proves that this browser got the page for this authorization request. Its key is the cookie's secret,
 * which no script and no other site can read, so the server stores nothing.
 */
export function csrfToken(secret: string, query: string): string {
  return createHmac('sha256', secret).update('authorization form\n').update(query).digest('base64url');
}

export function isCsrfToken(presented: string | undefined, secret: string, query: string): boolean {
  const expected = Buffer.from(csrfToken(secret, query));
  const given = Buffer.from(presented ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
