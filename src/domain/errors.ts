/** What a client can tell apart. Sent as `extensions.code` over GraphQL and as `code` on the raw channel. */
export type DomainErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'NONCE_REUSED'
  | 'CURSOR_RESET'
  | 'RATE_LIMITED'
  | 'SERVICE_UNAVAILABLE';

interface DomainErrorDetails {
  /** The argument that broke the rule. */
  field?: string;
  /** Milliseconds after which trying again makes sense. */
  retryAfterMs?: number;
  /** What the log keeps and the client never sees. */
  cause?: unknown;
}

/** A refusal whose message is written for the client. Every other error is ours and is masked at the edges. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: DomainErrorCode;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: DomainErrorCode, message: string, details: DomainErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.field = details.field;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** A value that breaks a rule of its field. */
export function badInput(field: string, message: string): DomainError {
  return new DomainError('BAD_USER_INPUT', message, { field });
}

/** The one answer for a chat that does not exist and for a chat of other people. */
export function chatNotFound(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such chat, or you are not a member of it.');
}

/** A cursor of another history, or of a number that does not exist yet: what its holder has is to be loaded again. */
export function cursorReset(): DomainError {
  return new DomainError('CURSOR_RESET', 'This cursor is of another history of the chat: load the chat again.');
}

/** The database is away: nothing is known to be wrong with the request, and repeating it later is right. */
export function databaseAway(cause: unknown): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The database is not available. Please try again.', {
    retryAfterMs: 1000,
    cause,
  });
}
