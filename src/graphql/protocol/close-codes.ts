import { closeCodes, type Disconnect } from '../../plugins/websocket/close-codes.js';

/** The close codes of graphql-transport-ws, with the reasons of its specification. */
export const protocolCloseCodes = {
  malformed: { ...closeCodes.malformedFrame, reason: 'Invalid message received' },
  notAcknowledged: { ...closeCodes.unauthenticated, reason: 'Unauthorized' },
  wrongSubprotocol: { ...closeCodes.wrongSubprotocol, reason: 'Subprotocol not acceptable' },
  initTimeout: { ...closeCodes.authenticationTimeout, reason: 'Connection initialisation timeout' },
  repeatedInit: { ...closeCodes.repeatedInit, reason: 'Too many initialisation requests' },
} as const satisfies Record<string, Disconnect>;

/** For a `subscribe` with the id of an active operation. */
export function idInUse(id: string): Disconnect {
  return { ...closeCodes.operationIdInUse, reason: shorten(`Subscriber for ${id} already exists`) };
}

/** RFC 6455 §5.5: a close frame holds 125 bytes, two of them for the code. */
const MAX_REASON_BYTES = 123;

function shorten(reason: string): string {
  const bytes = Buffer.from(reason);
  let end = Math.min(bytes.length, MAX_REASON_BYTES);
  // Never cut inside a character: bytes of the form 10xxxxxx continue one.
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
