import { isObject, type JsonObject } from './json.js';
import {
  type GraphqlMessage,
  type Message,
  messageFromGraphql,
  messageFromWire,
  type Reaction,
  reactionFromWire,
  type UserRef,
} from './messages.js';
import type { ChatRole } from './schema.js';

export interface Member {
  user: UserRef;
  role: ChatRole;
  joinedAt: string;
}

interface EventHead {
  chatId: string;
  /** The number of the change in its chat: 1, 2, 3, … */
  seq: number;
  /** Resumes behind this event. */
  cursor: string;
  at: string;
  /** Who did it; null for an operator's command, and for reactions of several users. */
  actor: UserRef | null;
}

export type MessageEventType =
  | 'message.created'
  | 'message.edited'
  | 'message.deleted'
  | 'message.pinned'
  | 'message.unpinned';

/** A durable change of a chat, as it is now: docs/events.md. */
export type ChatEvent = EventHead &
  (
    | { type: MessageEventType; message: Message }
    | { type: 'message.reactions'; messageId: string; messageSeq: number; reactions: Reaction[] }
    | { type: 'member.added' | 'member.updated'; member: Member }
    | { type: 'member.removed'; user: UserRef }
    /** A kind that this version does not know. */
    | { type: 'unknown'; kind: string }
  );

/** An event, or that the history was replaced: what comes after `reset` is of the new one, behind `cursor`. */
export type RoomEvent = ChatEvent | { type: 'reset'; chatId: string; cursor: string };

export interface Position {
  epoch: string;
  seq: number;
}

/** The parts of a cursor, `<epoch>:<seq>`. */
export function positionOf(cursor: string): Position {
  const colon = cursor.lastIndexOf(':');
  return { epoch: cursor.slice(0, colon), seq: Number(cursor.slice(colon + 1)) };
}

const MESSAGE_EVENTS: Readonly<Record<string, MessageEventType>> = {
  MessageCreated: 'message.created',
  MessageEdited: 'message.edited',
  MessageDeleted: 'message.deleted',
  MessagePinned: 'message.pinned',
  MessageUnpinned: 'message.unpinned',
};

const isMessageEvent = (type: string): type is MessageEventType =>
  Object.values(MESSAGE_EVENTS).includes(type as never);

/** The event of a frame; undefined for a frame that is none. @param me the user's id */
export function eventFromWire(frame: JsonObject, me: string): ChatEvent | undefined {
  const { type, chatId, seq, cursor } = frame;
  if (typeof type !== 'string' || typeof chatId !== 'string' || typeof seq !== 'number' || typeof cursor !== 'string')
    return undefined;
  const head: EventHead = { chatId, seq, cursor, at: String(frame.at), actor: (frame.actor as UserRef | null) ?? null };
  if (isMessageEvent(type) && isObject(frame.message))
    return { ...head, type, message: messageFromWire(frame.message, me) };
  if (type === 'message.reactions' && Array.isArray(frame.reactions)) {
    const reactions = frame.reactions.map((reaction) => reactionFromWire(reaction, me));
    const { messageId, messageSeq } = frame;
    return { ...head, type, messageId: String(messageId), messageSeq: Number(messageSeq), reactions };
  }
  if ((type === 'member.added' || type === 'member.updated') && isObject(frame.member))
    return { ...head, type, member: { role: 'member', ...(frame.member as object) } as Member };
  if (type === 'member.removed') return { ...head, type, user: frame.user as UserRef };
  return { ...head, type: 'unknown', kind: type };
}

/** What the fragment `Event` (documents.ts) reads. */
export interface GraphqlEvent {
  __typename: string;
  seq: number;
  cursor: string;
  at: string;
  actor: UserRef | null;
  message?: GraphqlMessage;
  reacted?: Pick<Message, 'id' | 'seq' | 'reactions'>;
  member?: Member;
  user?: UserRef;
}

/** The event of a page of the query `chatEvents`. */
export function eventFromGraphql(chatId: string, event: GraphqlEvent): ChatEvent {
  const { __typename: name, seq, cursor, at, actor, message, reacted, member, user } = event;
  const head: EventHead = { chatId, seq, cursor, at, actor };
  const type = MESSAGE_EVENTS[name];
  if (type && message) return { ...head, type, message: messageFromGraphql(message) };
  if (reacted) {
    const { id: messageId, seq: messageSeq, reactions } = reacted;
    return { ...head, type: 'message.reactions', messageId, messageSeq, reactions };
  }
  if (member) return { ...head, type: name === 'MemberAdded' ? 'member.added' : 'member.updated', member };
  if (user) return { ...head, type: 'member.removed', user };
  return { ...head, type: 'unknown', kind: name };
}
