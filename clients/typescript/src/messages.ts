import type { JsonObject } from './json.js';
import type { ThreadState } from './schema.js';

export interface UserRef {
  id: string;
  username: string;
}

/** The reactions to a message with one emoji. */
export interface Reaction {
  emoji: string;
  count: number;
  /** Whether the user of this client has reacted so; null when more than 20 have, until the client has asked. */
  mine: boolean | null;
}

export interface Message {
  id: string;
  /** The number of the message in its chat. */
  seq: number;
  /** Empty for a deleted message. */
  content: string;
  createdAt: string;
  sender: UserRef;
  /** Null for messages of others. */
  nonce: string | null;
  /** How often it was edited. */
  revision: number;
  editedAt: string | null;
  deletedAt: string | null;
  /** The message that it quotes. */
  replyTo: { id: string; seq: number } | null;
  /** The thread that it is a reply in. */
  thread: { rootId: string; rootSeq: number; alsoInChat: boolean } | null;
  mentions: UserRef[];
  mentionsAll: boolean;
  metadata: JsonObject | null;
  /** In the order of the first reactions. */
  reactions: Reaction[];
  pinnedAt: string | null;
  pinnedBy: UserRef | null;
  /** The thread of which it is the root; null without replies, and for a message that is of no room or thread that is loaded. */
  replies: Replies | null;
}

/** What a root says of its thread. */
export interface Replies {
  /** Those that are not deleted. */
  count: number;
  /** The newest of them. */
  lastReply: Pick<Message, 'id' | 'seq' | 'createdAt' | 'sender'> | null;
  /** Whether one follows the thread, and what is unread in it; null for who is no member. It is about half a second behind the count. */
  viewer: ThreadState | null;
}

/** What a plain message has none of. */
const NO_EXTRAS: Omit<Message, 'id' | 'seq' | 'content' | 'createdAt' | 'sender'> = {
  nonce: null,
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
  replies: null,
};

/** A message of a frame, in which what is as in a plain message is left out. @param me the user's id */
export function messageFromWire(message: WireMessage, me: string): Message {
  return { ...NO_EXTRAS, ...message, reactions: reactionsFromWire(message.reactions ?? [], me) };
}

/** The service is trusted to keep to its own documents (docs/events.md). */
export type WireMessage = Pick<Message, 'id' | 'seq' | 'content' | 'createdAt' | 'sender'> &
  Partial<Omit<Message, 'reactions'>> & { reactions?: WireReaction[] };

/** The 20 users who reacted last; `clipped` says that there are more. */
export interface WireReaction {
  emoji: string;
  count: number;
  users: string[];
  clipped: boolean;
}

export function reactionsFromWire(reactions: readonly WireReaction[], me: string): Reaction[] {
  return reactions.map(({ emoji, count, users, clipped }) => ({
    ...{ emoji, count },
    mine: users.includes(me) || (clipped ? null : false),
  }));
}

/** What the fragment `Message` (documents.ts) reads; with `Shown` also `replies`. */
export interface GraphqlMessage extends Omit<Message, 'thread' | 'replies'> {
  thread: { rootId: string; rootSeq: number } | null;
  alsoInChat: boolean;
  replies?: Replies | null;
}

export function messageFromGraphql({ thread, alsoInChat, ...message }: GraphqlMessage): Message {
  return { ...NO_EXTRAS, ...message, thread: thread && { ...thread, alsoInChat } };
}

/** Whether it is in the main timeline, and not in its thread alone. */
export function isInTimeline({ thread }: Message): boolean {
  return thread === null || thread.alsoInChat;
}
