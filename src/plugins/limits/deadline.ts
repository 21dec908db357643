import { DomainError } from '../../domain/errors.js';

const RETRY_AFTER_MS = 1000;

/** What was begun is not known to be undone: a message sent again with its nonce is still one message. */
export function tookTooLong(cause?: unknown): DomainError {
  return new DomainError(
    'SERVICE_UNAVAILABLE',
    'This took too long, and was given up. What it was to change may be changed; please look before you try again.',
    { retryAfterMs: RETRY_AFTER_MS, cause },
  );
}

/** True for Fastify's own error of a request that was worked on for too long (`handlerTimeout`). */
export function isDeadline(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_HANDLER_TIMEOUT';
}
