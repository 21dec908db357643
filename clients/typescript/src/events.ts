import type { JsonObject } from './json.js';
import {
  type Message,
  messageFromWire,
  type Reaction,
  reactionsFromWire,
  type UserRef,
  type WireMessage,
  type WireReaction,
} from './messages.js';
import type { Chat, ChatRole, RemovalCause } from './schema.js';

/** What a chat is like. */
export type ChatSettings = Readonly<
  Pick<
    Chat,
    | 'id'
    | 'name'
    | 'kind'
    | 'visibility'
    | 'topic'
    | 'postingRole'
    | 'slowSeconds'
    | 'invites'
    | 'archivedAt'
    | 'metadata'
  >
>;

export interface Member {
  user: UserRef;
  role: ChatRole;
  joinedAt: string;
  /** Until then they write nothing that others see; null for who is not muted. */
  mutedUntil: string | null;
}

export interface EventHead {
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
    /** `until`: when a ban ends, of one that does. */
    | { type: 'member.removed'; user: UserRef; cause: RemovalCause; until?: string }
    /** Settings of the chat are others, those that `changed` names. */
    | { type: 'chat.updated'; chat: ChatSettings; changed: string[] }
    /** The last event of the chat. */
    | { type: 'chat.deleted' }
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

const MESSAGE_EVENTS = /^message\.(created|edited|deleted|(un)?pinned)$/;

export const isMessageEvent = (type: string): type is MessageEventType => MESSAGE_EVENTS.test(type);

/** As docs/events.md has it: each kind has some of these members. */
interface WireEvent extends EventHead {
  type: string;
  message: WireMessage;
  messageId: string;
  messageSeq: number;
  reactions: WireReaction[];
  member: Pick<Member, 'user' | 'joinedAt'> & Partial<Member>;
  user: UserRef;
  chat: ChatSettings;
  changed: string[];
  cause: RemovalCause;
  until: string;
  position: string;
}

/** The event of a frame; undefined for a frame that is none. @param me the user's id */
export function eventFromWire(frame: JsonObject, me: string): ChatEvent | undefined {
  // The service is trusted to keep to its own documents.
  const { type, chatId, seq, cursor, at, actor = null, position: _, ...facts } = frame as unknown as WireEvent;
  if (typeof seq !== 'number') return undefined;
  const head: EventHead = { chatId, seq, cursor, at, actor };
  if (isMessageEvent(type)) return { ...head, type, message: messageFromWire(facts.message, me) };
  switch (type) {
    case 'message.reactions':
      return { ...head, ...facts, type, reactions: reactionsFromWire(facts.reactions, me) };
    case 'member.added':
    case 'member.updated':
      return { ...head, type, member: { role: 'member', mutedUntil: null, ...facts.member } };
    case 'member.removed':
    case 'chat.updated':
    case 'chat.deleted':
      return { ...head, ...facts, type };
    default:
      return { ...head, type: 'unknown', kind: type };
  }
}
