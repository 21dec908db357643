import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProviderError } from '../../domain/access/issuers/fetch-json.js';
import type { ExternalIdentity } from '../../domain/people/external-users.js';

/** An external identity provider. */
export interface ExternalProvider {
  /** The part of the callback's path: `/oauth/external/<key>/callback/`. */
  readonly key: string;
  /** Its name for users. */
  readonly label: string;
  /**
   * Returns the URL to send the browser to, and sets cookies that `finish` needs.
   * @throws ProviderError when the provider is unavailable
   */
  start(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<URL>;
  /**
   * Handles the callback: exchanges the code, verifies the provider's answer and returns the identity of the user.
   * @throws ProviderError
   */
  finish(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<ExternalIdentity>;
}

/** Sign-in failed at the external provider. The message is for the log. */
export class ExternalSignInError extends ProviderError {
  override readonly name = 'ExternalSignInError';
}

export function callbackPath(key: string): string {
  return `/oauth/external/${key}/callback/`;
}
