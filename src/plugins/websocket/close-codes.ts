/** Why the server closes a WebSocket: a code for the client's program and a reason for its log. */
export interface Disconnect {
  code: number;
  /** At most 123 bytes of UTF-8 (https://datatracker.ietf.org/doc/html/rfc6455#section-5.5). */
  reason: string;
}

/**
 * Every close code of both WebSocket endpoints, with what the client should do. Codes below 4000 are from the registry of RFC
 * 6455 §7.4 (https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number). graphql-ws clients treat 4400,
 * 4401, 4406, 4409 and 4429 as fatal and reconnect after all others; the codes were chosen for that.
 *
 * `ws` itself sends 1002 for a broken frame, 1007 for text that is not UTF-8 and 1009 for a frame that is too large; the client
 * has to fix its frames.
 */
export const closeCodes = {
  /** GraphQL: more than 8 KiB before `connection_ack`, while several sockets of the address do so. The client sends less. */
  tooMuchBeforeAck: { code: 1009, reason: 'too_much_before_connection_ack' },
  /** Internal error. The client reconnects and resumes. */
  internalError: { code: 1011, reason: 'internal_error' },
  /** The process is draining. The client reconnects at once, to another process, and resumes. */
  draining: { code: 1012, reason: 'draining' },
  /** The client read too slowly. It reconnects after a pause and resumes. */
  tooSlow: { code: 1013, reason: 'too_slow' },
  /** The service is overloaded or its database unreachable. The client reconnects after a pause and resumes. */
  overloaded: { code: 1013, reason: 'overloaded' },
  /** The frame does not follow the subprotocol. The client stops. */
  malformedFrame: { code: 4400, reason: 'malformed_frame' },
  /** There is no valid token. The client stops and signs in. */
  unauthenticated: { code: 4401, reason: 'unauthenticated' },
  /** The token has expired. The client refreshes it, reconnects and resumes. */
  tokenExpired: { code: 4403, reason: 'token_expired' },
  /** The token was revoked. The client signs in again, reconnects and resumes. */
  tokenRevoked: { code: 4403, reason: 'token_revoked' },
  /** Raw channel: the socket's new token lacks the scope `read`. The client takes another one, reconnects and resumes. */
  insufficientScope: { code: 4403, reason: 'insufficient_scope' },
  /** GraphQL: an unsupported subprotocol, or none. The client stops. */
  wrongSubprotocol: { code: 4406, reason: 'wrong_subprotocol' },
  /** GraphQL: `connection_init` did not arrive in time. The client reconnects. */
  authenticationTimeout: { code: 4408, reason: 'authentication_timeout' },
  /** GraphQL: the operation's id is in use. The client stops. */
  operationIdInUse: { code: 4409, reason: 'operation_id_in_use' },
  /** Raw channel: the user is no longer a member. The client leaves the chat. */
  removedFromChat: { code: 4410, reason: 'removed_from_chat' },
  /** Raw channel: the chat was deleted, and its last event said so. The client leaves it. */
  chatDeleted: { code: 4410, reason: 'deleted' },
  /** Raw channel: the chat no longer exists. The client leaves it. */
  chatGone: { code: 4410, reason: 'chat_gone' },
  /** Raw channel: the socket's new token does not reach the chat. The client opens the chat with another token. */
  outOfReach: { code: 4410, reason: 'out_of_reach' },
  /** The client exceeded a frame rate. It backs off. */
  tooManyFrames: { code: 4429, reason: 'too_many_frames' },
  /** GraphQL: the user has the most sockets allowed. The client closes one first. */
  tooManySockets: { code: 4429, reason: 'too_many_sockets' },
  /** GraphQL: a second `connection_init`. The client stops. */
  repeatedInit: { code: 4429, reason: 'repeated_connection_init' },
} as const satisfies Record<string, Disconnect>;
