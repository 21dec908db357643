/**
 * Every code that this service closes a WebSocket with, on the raw channel and on GraphQL. Below 4000: RFC 6455, §7.4 and
 * IANA's registry. From 4400: graphql-transport-ws; its clients treat 4400, 4401, 4406, 4409 and 4429 as final and try again after the others.
 */
export const CLOSE = {
  /** A frame over the limit. The client fixes its frame. */
  messageTooBig: 1009,
  /** Our fault. The client reconnects and resumes. */
  internalError: 1011,
  /** The process is draining. The client reconnects at once and resumes. */
  draining: 1012,
  /** It read too slowly, or we are overloaded. The client reconnects after a pause and resumes. */
  tryAgainLater: 1013,
  /** A malformed frame. The client stops. */
  malformed: 4400,
  /** No valid token. The client stops and signs in. */
  unauthenticated: 4401,
  /** The token expired or was revoked. The client refreshes it, reconnects and resumes. */
  tokenEnded: 4403,
  /** A subprotocol that is not spoken here. The client stops. */
  wrongSubprotocol: 4406,
  /** Authentication took too long. The client reconnects. */
  authenticationTimeout: 4408,
  /** The id of an operation that is still active. The client stops. */
  operationIdInUse: 4409,
  /** Removed from the chat. The client leaves it. */
  removed: 4410,
  /** Too many frames, or a second connection_init. The client backs off. */
  tooMany: 4429,
} as const;

const MAX_REASON_BYTES = 123;

/** The reason, cut to what fits a close frame (RFC 6455, §5.5: 125 bytes with the code) without breaking a character. */
export function fitReason(reason: string): string {
  const bytes = Buffer.from(reason);
  let end = Math.min(bytes.length, MAX_REASON_BYTES);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
