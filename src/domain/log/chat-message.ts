import type { Metadata } from '../metadata.js';
import type { UserProfile } from '../profile.js';

/** In code points. */
export const MAX_CONTENT_LENGTH = 4000;
export const MAX_NONCE_LENGTH = 128;

/** A message in its present state. Only its sender may see `nonce`. */
export interface ChatMessage {
  id: string;
  chatId: string;
  seq: number;
  /** Empty for a deleted message. */
  content: string;
  nonce: string | null;
  createdAt: string;
  sender: UserProfile;
  /** What a plain message does not have; absent for a plain one. */
  extras?: MessageExtras;
}

/** A message that may have been read without its sender's profile. */
export interface PlainMessage extends Omit<ChatMessage, 'sender'> {
  sender: UserProfile | Pick<UserProfile, 'id'>;
}

export interface MessageReference {
  id: string;
  seq: number;
}

/** The reactions with one emoji. */
export interface ReactionSummary {
  emoji: string;
  count: number;
  /** The ids of the users who reacted last, the newest first; at most `MAX_SUMMARY_USERS`. */
  users: readonly string[];
}

/** The most users that a summary names. */
export const MAX_SUMMARY_USERS = 20;
/** The most different emoji on one message. */
export const MAX_REACTION_EMOJI = 20;
/** In code points. The longest RGI emoji have ten; a custom one is `:name:`. */
export const MAX_EMOJI_LENGTH = 64;
/** The most users that a message mentions by name. */
export const MAX_MENTIONS = 50;
/** Of a message's metadata as JSON, in UTF-8. */
export const MAX_METADATA_BYTES = 4096;

export interface MessageExtras {
  /** How often the message was edited. */
  revision: number;
  editedAt: string | null;
  deletedAt: string | null;
  /** The message that this one quotes. */
  replyTo: MessageReference | null;
  /** The thread that this message is a reply in. */
  thread: { rootId: string; rootSeq: number; alsoInChat: boolean } | null;
  mentions: readonly UserProfile[];
  mentionsAll: boolean;
  metadata: Metadata | null;
  /** In the order of their first reactions. */
  reactions: readonly ReactionSummary[];
  pinnedAt: string | null;
  pinnedBy: UserProfile | null;
}

/** The extras of a plain message. */
export const NO_EXTRAS: MessageExtras = {
  revision: 0,
  editedAt: null,
  deletedAt: null,
  replyTo: null,
  thread: null,
  mentions: [],
  mentionsAll: false,
  metadata: null,
  reactions: [],
  pinnedAt: null,
  pinnedBy: null,
};

export function extrasOf({ extras }: { extras?: MessageExtras }): MessageExtras {
  return extras ?? NO_EXTRAS;
}

const sizes = new WeakMap<MessageExtras, number>();

/** The texts and lists of a message, in UTF-16 units as JSON, by which its size in memory is estimated. */
export function sizeOfMessage({ content, extras }: Pick<ChatMessage, 'content' | 'extras'>): number {
  return content.length + (extras ? sizeOfExtras(extras) : 0);
}

/** The same of what a message has beside its content. Computed once for each object: a message is delivered to many listeners. */
export function sizeOfExtras(extras: MessageExtras): number {
  let size = sizes.get(extras);
  if (size === undefined) {
    const { metadata, mentions, reactions } = extras;
    size = 0;
    for (const part of [metadata ? [metadata] : [], mentions, reactions])
      if (part.length > 0) size += JSON.stringify(part).length;
    sizes.set(extras, size);
  }
  return size;
}
