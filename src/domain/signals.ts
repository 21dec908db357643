import { badInput } from './errors.js';
import type { UserProfile } from './profile.js';
import { canonicalId } from './text.js';

/** Somebody is writing. Nothing says that they stopped: clients forget it after 6 s, and at a message of this user. */
export interface TypingSignal {
  type: 'typing';
  user: UserProfile;
  /** The id of the message whose thread they write in; null in the main timeline. */
  thread: string | null;
}

/** A member has read the main timeline up to a number. */
export interface Receipt {
  userId: string;
  seq: number;
}

/** What members have read, each once. */
export interface ReceiptSignal {
  type: 'receipts';
  reads: readonly Receipt[];
}

/** What happens in a chat and is not of its log: it has no number, nobody is told of it later, and it may be dropped. */
export type ChatSignal = TypingSignal | ReceiptSignal;

/** The most receipts of one signal. */
export const MAX_RECEIPTS = 50;

/** The most chats whose signals one inbox hears. */
export const MAX_SIGNAL_CHATS = 20;

/**
 * The chats whose signals an inbox asks for, as PostgreSQL writes their ids.
 * @throws DomainError `BAD_USER_INPUT` that names the field
 */
export function checkSignalChats(field: string, chatIds: readonly string[]): string[] {
  const canonical = chatIds.map(canonicalId).filter((id) => id !== undefined);
  if (canonical.length === chatIds.length && chatIds.length <= MAX_SIGNAL_CHATS) return canonical;
  throw badInput(field, `${field} must be a list of at most ${MAX_SIGNAL_CHATS} ids of chats.`);
}
