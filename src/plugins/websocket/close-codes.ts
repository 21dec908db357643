/** Why the server ends a WebSocket: the code for the client's program, the reason for whoever reads its log. */
export interface Disconnect {
  code: number;
  /** At most 123 bytes of UTF-8 (https://datatracker.ietf.org/doc/html/rfc6455#section-5.5). */
  reason: string;
}

/**
 * Every close code of both WebSockets, with what the client does about it. Below 4000: the registry of RFC 6455 §7.4
 * (https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number). graphql-ws clients take 4400, 4401,
 * 4406, 4409 and 4429 as final and come back after the others; the codes were chosen for that.
 *
 * `ws` itself sends 1002 for a broken frame, 1007 for text that is not UTF-8 and 1009 for a frame that is too large; the client
 * fixes its frames.
 */
export const closeCodes = {
  /** Our fault. The client comes back and resumes. */
  internalError: { code: 1011, reason: 'internal_error' },
  /** The process is draining. The client comes back at once, elsewhere, and resumes. */
  draining: { code: 1012, reason: 'draining' },
  /** The client read too slowly. It comes back after a pause and resumes. */
  tooSlow: { code: 1013, reason: 'too_slow' },
  /** The service has too much to do, or its database is away. The client comes back after a pause and resumes. */
  overloaded: { code: 1013, reason: 'overloaded' },
  /** The frame is not of this protocol. The client stops. */
  malformedFrame: { code: 4400, reason: 'malformed_frame' },
  /** There is no valid token. The client stops and signs in. */
  unauthenticated: { code: 4401, reason: 'unauthenticated' },
  /** The token's time is over. The client refreshes it, comes back and resumes. */
  tokenExpired: { code: 4403, reason: 'token_expired' },
  /** The sign-in has ended. The client signs in again, comes back and resumes. */
  tokenRevoked: { code: 4403, reason: 'token_revoked' },
  /** GraphQL: a subprotocol that is not spoken here, or none. The client stops. */
  wrongSubprotocol: { code: 4406, reason: 'wrong_subprotocol' },
  /** GraphQL: `connection_init` did not come in time. The client comes back. */
  authenticationTimeout: { code: 4408, reason: 'authentication_timeout' },
  /** GraphQL: the operation's id is in use. The client stops. */
  operationIdInUse: { code: 4409, reason: 'operation_id_in_use' },
  /** Raw channel: the user is no member any more. The client leaves the chat. */
  removedFromChat: { code: 4410, reason: 'removed_from_chat' },
  /** Raw channel: the chat is no more. The client leaves it. */
  chatGone: { code: 4410, reason: 'chat_gone' },
  /** The client sends more frames than is fair. It backs off. */
  tooManyFrames: { code: 4429, reason: 'too_many_frames' },
  /** GraphQL: the user has as many sockets as one may have. The client closes one first. */
  tooManySockets: { code: 4429, reason: 'too_many_sockets' },
  /** GraphQL: a second `connection_init`. The client stops. */
  repeatedInit: { code: 4429, reason: 'repeated_connection_init' },
} as const satisfies Record<string, Disconnect>;
