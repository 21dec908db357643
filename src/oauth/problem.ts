import type { DomainError } from '../domain/errors.js';

/**
 * The codes of https://datatracker.ietf.org/doc/html/rfc6749#section-5.2 and, from `unsupported_response_type` on, §4.1.2.1;
 * `invalid_target` is from https://datatracker.ietf.org/doc/html/rfc8693#section-2.2.2.
 */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_response_type'
  | 'access_denied'
  | 'temporarily_unavailable'
  | 'server_error';

interface ProblemDetails {
  status?: number;
  headers?: Record<string, string>;
  /** For the log; the client never sees it. */
  cause?: unknown;
}

/** An error of an OAuth2 endpoint. The message is its public `error_description`. */
export class OAuthProblem extends Error {
  override readonly name = 'OAuthProblem';
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(code: OAuthErrorCode, description: string, { status = 400, headers = {}, cause }: ProblemDetails = {}) {
    super(allowedCharacters(description), { cause });
    this.code = code;
    this.status = status;
    this.headers = headers;
  }

  /** The JSON body of the answer. */
  get body() {
    return { error: this.code, error_description: this.message };
  }
}

/** `error_description` = %x20-21 / %x23-5B / %x5D-7E: printable ASCII without the double quote and the backslash. */
function allowedCharacters(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
}

export function invalidRequest(description: string, status = 400): OAuthProblem {
  return new OAuthProblem('invalid_request', description, { status });
}

export function invalidGrant(description: string): OAuthProblem {
  return new OAuthProblem('invalid_grant', description);
}

/** For an unknown client and a wrong secret. The challenge names the scheme that the client used (RFC 6749 §5.2). */
export function invalidClient(scheme: 'Basic' | 'Bearer'): OAuthProblem {
  const challenge = scheme === 'Basic' ? 'Basic realm="oauth", charset="UTF-8"' : 'Bearer error="invalid_client"';
  return new OAuthProblem('invalid_client', 'Client authentication failed.', {
    status: 401,
    headers: { 'www-authenticate': challenge },
  });
}

/** The service is overloaded or its database unavailable. The request may be right. */
export function temporarilyUnavailable(retryAfterMs: number, cause: unknown, status = 503): OAuthProblem {
  return new OAuthProblem('temporarily_unavailable', 'The service is not available for the moment. Please try again.', {
    status,
    headers: retryAfter(retryAfterMs),
    cause,
  });
}

/** Rate limit reached. RFC 6749 has no code for it, so status 429 tells (https://datatracker.ietf.org/doc/html/rfc6585#section-4). */
export function tooManyAttempts({ message, retryAfterMs }: DomainError): OAuthProblem {
  const headers = retryAfter(retryAfterMs ?? 1000);
  return new OAuthProblem('temporarily_unavailable', message, { status: 429, headers });
}

function retryAfter(ms: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(ms / 1000))) };
}
