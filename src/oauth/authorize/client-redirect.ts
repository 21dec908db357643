import type { FastifyReply } from 'fastify';
import type { RedirectTarget } from './authorization-request.js';

type AnswerParameters = { code: string } | { error: string; error_description: string };

/**
 * Redirects the browser to the client (https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.2) with the answer and the issuer
 * (https://datatracker.ietf.org/doc/html/rfc9207#section-2). Status 303, so that the browser does not send a form with a password to
 * the client (https://datatracker.ietf.org/doc/html/rfc9700#section-4.12).
 */
export function redirectToClient(
  reply: FastifyReply,
  { uri, state }: RedirectTarget,
  issuer: string,
  answer: AnswerParameters,
): FastifyReply {
  const parameters = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: issuer });
  // The registered URI keeps its own query (RFC 6749 §3.1.2).
  return reply.redirect(`${uri}${separator(uri)}${parameters}`, 303);
}

function separator(uri: string): string {
  if (!uri.includes('?')) return '?';
  return /[?&]$/.test(uri) ? '' : '&';
}

/**
 * The CSP source of a redirect URI, for `form-action`, which browsers also apply to redirects after a form. The scheme alone when CSP
 * has no syntax for the host, as for IPv6 addresses.
 */
export function cspSource(uri: string): string {
  const { origin, protocol } = new URL(uri);
  return /^https?:\/\/[a-z0-9.-]+(:\d+)?$/.test(origin) ? origin : protocol;
}
