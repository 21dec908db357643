import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ExternalIdentity } from '../../domain/external-users.js';

/** A place where people have an account with which they may sign in here. */
export interface ExternalProvider {
  /** Its part of the callback's path: `/oauth/external/<key>/callback/`. */
  readonly key: string;
  /** What people call it. */
  readonly label: string;
  /** The address to send the browser to. It sets cookies that `finish` wants to see again. @throws when the provider is away */
  start(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<URL>;
  /**
   * Who came back: the code of the callback is exchanged, and what the provider says is verified.
   * @throws ExternalSignInError
   */
  finish(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<ExternalIdentity>;
}

/** A sign-in that the provider, or what it said, brought to nothing. The message is for the log. */
export class ExternalSignInError extends Error {
  override readonly name = 'ExternalSignInError';
}
