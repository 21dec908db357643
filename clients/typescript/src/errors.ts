/** The codes of the service's errors, and `NETWORK`, `TOKEN_UNAVAILABLE`, `FRAME_TOO_LARGE`, `PROTOCOL` and `CLOSED` of the client's own. */
export type ChatErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'NONCE_REUSED'
  | 'CURSOR_RESET'
  | 'RATE_LIMITED'
  | 'SERVICE_UNAVAILABLE'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'INTERNAL_SERVER_ERROR'
  /** No answer came: the request may have been carried out or not. */
  | 'NETWORK'
  /** Your `token` function failed. */
  | 'TOKEN_UNAVAILABLE'
  /** A frame had more than 64 KiB. */
  | 'FRAME_TOO_LARGE'
  /** The service and this client do not understand each other. */
  | 'PROTOCOL'
  /** The client was closed before the answer came. */
  | 'CLOSED';

export interface ChatErrorDetails {
  /** The argument that breaks a rule. */
  field?: string | undefined;
  /** The rule by which something is denied, like `chat.role`. */
  rule?: string | undefined;
  /** The role that the rule asks for. */
  needs?: string | undefined;
  /** Milliseconds after which to try again. */
  retryAfterMs?: number | undefined;
  /** Of `INTERNAL_SERVER_ERROR`: the service's log has more under it. */
  requestId?: string | undefined;
  cause?: unknown;
}

const TRANSIENT: ReadonlySet<string> = new Set<ChatErrorCode>([
  'NETWORK',
  'TOKEN_UNAVAILABLE',
  'RATE_LIMITED',
  'SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
]);

/** Every error of this package. */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  declare readonly field?: string;
  declare readonly rule?: string;
  declare readonly needs?: string;
  declare readonly retryAfterMs?: number;
  declare readonly requestId?: string;

  constructor(
    readonly code: ChatErrorCode,
    message: string,
    details: ChatErrorDetails = {},
  ) {
    super(message);
    Object.assign(this, details);
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    return TRANSIENT.has(this.code);
  }
}

/** The error that a JSON object of the service describes: an `error` frame, or the extensions of a GraphQL error. */
export function errorFrom({ code, message, ...details }: ErrorObject): ChatError {
  return new ChatError(code, message, details);
}

/** What the service's documents say of it. */
export interface ErrorObject extends ChatErrorDetails {
  code: ChatErrorCode;
  message: string;
}

export function asChatError(error: unknown, code: ChatErrorCode = 'NETWORK'): ChatError {
  if (error instanceof ChatError) return error;
  return new ChatError(code, error instanceof Error ? error.message : String(error), { cause: error });
}

export const closedError = () => new ChatError('CLOSED', 'The client is closed.');

/** Of a chat that the user cannot read. */
export const notFound = () => new ChatError('NOT_FOUND', 'There is no such chat, or not for you.');
