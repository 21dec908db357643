import type { UserProfile } from './viewer.js';

interface ChatEventBase {
  chatId: string;
  /** The chat's history that `seq` counts in. */
  epoch: string;
  /** The number of this change in its chat: 1, 2, 3, … without a hole. */
  seq: number;
  /** ISO 8601, UTC, milliseconds. */
  at: string;
  /** Who did it; null when an operator's command did. */
  actor: UserProfile | null;
}

/** A message as it is read; `nonce` is for its sender's eyes only. */
export interface ChatMessage {
  id: string;
  chatId: string;
  seq: number;
  content: string;
  nonce: string | null;
  createdAt: string;
  sender: UserProfile;
}

/** A message whose sender's profile may not have been read. */
export interface PlainMessage extends Omit<ChatMessage, 'sender'> {
  sender: UserProfile | Pick<UserProfile, 'id'>;
}

export interface MessageCreated extends ChatEventBase {
  type: 'message.created';
  message: ChatMessage;
}

export interface MemberAdded extends ChatEventBase {
  type: 'member.added';
  member: { user: UserProfile; joinedAt: string };
}

export interface MemberRemoved extends ChatEventBase {
  type: 'member.removed';
  user: UserProfile;
}

/** A durable change of a chat. */
export type ChatEvent = MessageCreated | MemberAdded | MemberRemoved;

/** Takes every change that this process commits, after its COMMIT and in the order of its chat's numbers. */
export type Announce = (event: ChatEvent) => void;

export function messageCreated(epoch: string, message: ChatMessage): MessageCreated {
  const { chatId, seq, createdAt, sender } = message;
  return { type: 'message.created', chatId, epoch, seq, at: createdAt, actor: sender, message };
}
