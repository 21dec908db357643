/** The codes that clients distinguish. Sent as `extensions.code` over GraphQL and as `code` on the raw channel. */
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
  /** The argument that breaks a rule. */
  field?: string;
  /** Milliseconds after which the client may try again. Clients get whole ones. */
  retryAfterMs?: number;
  /** The rule by which something is denied, like `chat.role` (`chats/rights.ts`). */
  rule?: string;
  /** The role that the rule asks for. */
  needs?: string;
  /** For the log; the client never sees it. */
  cause?: unknown;
}

/** An error whose message is written for the client. The edges mask every other error. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: DomainErrorCode;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly rule: string | undefined;
  readonly needs: string | undefined;

  constructor(code: DomainErrorCode, message: string, details: DomainErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.field = details.field;
    // Some come from a clock with fractions.
    this.retryAfterMs = details.retryAfterMs === undefined ? undefined : Math.ceil(details.retryAfterMs);
    this.rule = details.rule;
    this.needs = details.needs;
  }
}

/** A value that breaks a rule of its field. */
export function badInput(field: string, message: string): DomainError {
  return new DomainError('BAD_USER_INPUT', message, { field });
}

/** For a chat that does not exist and for one that the viewer may not see, so that the two cannot be told apart. */
export function chatNotFound(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such chat, or you are not a member of it.');
}

/** The cursor belongs to an earlier epoch of the chat, or to a number that does not exist yet. The client must reload the chat. */
export function cursorReset(): DomainError {
  return new DomainError('CURSOR_RESET', 'This cursor is of another history of the chat: load the chat again.');
}

/** The database is unavailable. The request may be right; the client should repeat it later. */
export function databaseAway(cause: unknown): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The database is not available. Please try again.', {
    retryAfterMs: 1000,
    cause,
  });
}

/** The chat's row is locked, or too many requests wait for it. A message may still have been written: its nonce tells. */
export function chatBusy(): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The chat is busy. Please try again.', { retryAfterMs: 1000 });
}

/** Too many requests wait for a limited resource, or this one waited too long. */
export function serviceBusy(): DomainError {
  return new DomainError('SERVICE_UNAVAILABLE', 'The service is busy. Please try again.', { retryAfterMs: 1000 });
}

/** The socket already has one token renewal under way and another waiting. */
export function tooManyRenewals(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many renewals of this socket’s token at once. Please slow down.', {
    retryAfterMs: 1000,
  });
}
