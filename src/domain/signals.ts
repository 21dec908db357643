import type { UserProfile } from './profile.js';

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
