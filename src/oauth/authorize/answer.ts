import type { FastifyReply } from 'fastify';
import type { AnswerAddress } from './authorization-request.js';

type AnswerParameters = { code: string } | { error: string; error_description: string };

/**
 * Sends the browser back to the client (https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.2), with the issuer beside
 * the answer (https://datatracker.ietf.org/doc/html/rfc9207#section-2). 303, so that a form that was sent with a password is
 * not sent on (https://datatracker.ietf.org/doc/html/rfc9700#section-4.12).
 */
export function answerClient(
  reply: FastifyReply,
  { uri, state }: AnswerAddress,
  issuer: string,
  answer: AnswerParameters,
): FastifyReply {
  const parameters = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: issuer });
  // The registered URI stays as it is, its own query included (RFC 6749 §3.1.2).
  return reply.redirect(`${uri}${separator(uri)}${parameters}`, 303);
}

function separator(uri: string): string {
  if (!uri.includes('?')) return '?';
  return /[?&]$/.test(uri) ? '' : '&';
}

/**
 * The CSP source of a redirect URI: browsers apply `form-action` to where the answer to a form leads. What a source cannot
 * name, an IPv6 address for one, is allowed by its scheme.
 */
export function cspSource(uri: string): string {
  const { origin, protocol } = new URL(uri);
  return /^https?:\/\/[a-z0-9.-]+(:\d+)?$/.test(origin) ? origin : protocol;
}
