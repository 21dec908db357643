import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientError } from '../../domain/database.js';
import { sendPage } from '../pages/page.js';
import { problemPage } from '../pages/problem-page.js';
import { OAuthProblem } from '../problem.js';
import type { PublicUrlOf } from '../public-url.js';
import { AuthorizationRefusal, UntrustedRequest } from './authorization-request.js';
import { redirectToClient } from './client-redirect.js';

/** The error handler of the pages. Redirects a refusal to the client; shows a page for every other error. */
export function pageErrors(issuerOf: PublicUrlOf) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof AuthorizationRefusal) {
      request.log.info({ oauthError: error.code, reason: error.message }, 'authorization refused');
      return redirectToClient(reply, error.redirectTarget, issuerOf(request), {
        error: error.code,
        error_description: error.message,
      });
    }
    if (error instanceof UntrustedRequest) {
      request.log.info({ reason: error.message }, 'authorization request not trusted');
      return sendPage(reply, 400, problemPage('This link does not work', `${error.message} Go back and try again.`));
    }
    const { status, retryAfter, title, text } = describe(error);
    if (status >= 500) request.log.error({ err: error }, 'authorization page failed');
    if (error instanceof OAuthProblem) reply.headers(error.headers);
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    return sendPage(reply, status, problemPage(title, text));
  };
}

function describe(error: unknown): { status: number; retryAfter?: number; title: string; text: string } {
  const known = clientError(error);
  if (known?.code === 'SERVICE_UNAVAILABLE' || known?.code === 'RATE_LIMITED') {
    const retryAfter = Math.max(1, Math.ceil((known.retryAfterMs ?? 1000) / 1000));
    const status = known.code === 'RATE_LIMITED' ? 429 : 503;
    return { status, retryAfter, title: 'Please try again', text: `${known.message} Reload this page in a moment.` };
  }
  const status = statusOf(error);
  if (status >= 500) return { status: 500, title: 'Something went wrong', text: 'It is our fault. Please try again.' };
  return { status, title: 'This does not work', text: 'The request could not be read. Go back and try again.' };
}

function statusOf(error: unknown): number {
  if (error instanceof OAuthProblem) return error.status;
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;
}
