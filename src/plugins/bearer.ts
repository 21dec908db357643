/** A refused Bearer token: the status and the `WWW-Authenticate` header of RFC 6750 §3. */
export class BearerError extends Error {
  override readonly name = 'BearerError';

  private constructor(
    readonly statusCode: 400 | 401 | 403,
    readonly error: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | null,
    message: string,
    private readonly scope?: string,
  ) {
    super(message);
  }

  /** The request has no token; the challenge carries no error code (§3.1). */
  static missing(): BearerError {
    return new BearerError(401, null, 'A valid access token is required.');
  }

  static malformed(message = 'The Authorization header must be "Bearer <token>".'): BearerError {
    return new BearerError(400, 'invalid_request', message);
  }

  static invalid(): BearerError {
    return new BearerError(401, 'invalid_token', 'The access token is unknown, expired or revoked.');
  }

  static scope(scope: string): BearerError {
    return new BearerError(403, 'insufficient_scope', `The access token lacks the scope "${scope}".`, scope);
  }

  get wwwAuthenticate(): string {
    const parameters = [`realm="chat"`];
    if (this.error)
      parameters.push(`error="${this.error}"`, `error_description="${this.message.replaceAll('"', "'")}"`);
    if (this.scope) parameters.push(`scope="${this.scope}"`);
    return `Bearer ${parameters.join(', ')}`;
  }
}

// RFC 6750 §2.1: the scheme, one space or more, and b64token. RFC 9110 §11.1: schemes are case-insensitive.
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * The token of an `Authorization` header; null without the header.
 *
 * @throws BearerError 401 with the bare challenge for another scheme and for an empty header (RFC 6750 §3.1: "an unsupported
 * authentication method"), 400 for a Bearer header of another form ("otherwise malformed")
 */
export function bearerToken(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined)
    throw /^Bearer(?: |$)/i.test(authorization) ? BearerError.malformed() : BearerError.missing();
  return token;
}
