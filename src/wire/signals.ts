import type { ChatSignal } from '../domain/signals.js';
import { userOnWire } from './people.js';

/** A chat's signal as every transport but GraphQL sends it. It is the same for everybody, and has neither number nor cursor. */
export function signalOnWire(signal: ChatSignal) {
  if (signal.type === 'receipts')
    return { type: signal.type, reads: signal.reads.map(({ userId, seq }) => ({ user: userId, seq })) };
  // Left out in the main timeline.
  return { type: signal.type, user: userOnWire(signal.user), thread: signal.thread ?? undefined };
}
