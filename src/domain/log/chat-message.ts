import type { UserProfile } from '../profile.js';

/** In code points. */
export const MAX_CONTENT_LENGTH = 4000;
export const MAX_NONCE_LENGTH = 128;

/** A message in its present state. Only its sender may see `nonce`. */
export interface ChatMessage {
  id: string;
  chatId: string;
  seq: number;
  content: string;
  nonce: string | null;
  createdAt: string;
  sender: UserProfile;
}

/** A message that may have been read without its sender's profile. */
export interface PlainMessage extends Omit<ChatMessage, 'sender'> {
  sender: UserProfile | Pick<UserProfile, 'id'>;
}
