import type { ChatError } from './errors.js';
import { type ChatEvent, type ChatSettings, type Member, positionOf } from './events.js';
import { isInTimeline, type Message, type UserRef } from './messages.js';
import type { Chat, ChatAction, ChatState } from './schema.js';
import { applyToMessages, mergeMessages, replaceMessage } from './timeline.js';

/** A message that is being sent. Its nonce settles it. */
export interface PendingMessage {
  readonly nonce: string;
  readonly content: string;
  readonly options: SendOptions;
  /** On this machine's clock. */
  readonly createdAt: string;
  readonly status: 'sending' | 'failed';
  /** Why it failed: `room.retry(nonce)` or `room.discard(nonce)`. */
  readonly error?: ChatError;
}

/** As in the mutation `sendMessage`. */
export interface SendOptions {
  /** The id of the message that this one quotes. */
  replyTo?: string;
  /** The id of the message in whose thread this one is a reply. */
  thread?: string;
  alsoInChat?: boolean;
  /** The ids of the users whom it names. */
  mentions?: string[];
  mentionAll?: boolean;
  metadata?: Record<string, unknown>;
}

export interface Typing {
  readonly user: UserRef;
  /** The id of the root in whose thread they write; null in the main timeline. */
  readonly thread: string | null;
  /** When to forget it, by `Date.now()`. */
  readonly until: number;
}

export type ChatInfo = ChatSettings & Readonly<Pick<Chat, 'createdAt'>>;

/** What a room shows. Each change makes a new object. */
export interface RoomState {
  readonly chatId: string;
  /** `loading` also while it is loaded anew: what it shows then is of before. `left`: one is no member any more, or the chat was deleted, or there is none. */
  readonly status: 'loading' | 'ready' | 'left' | 'failed';
  /** Why it has failed. */
  readonly error: ChatError | null;
  readonly me: UserRef | null;
  readonly chat: ChatInfo | null;
  /** Everything up to here is shown. */
  readonly cursor: string | null;
  /** The main timeline from the oldest that is loaded, oldest first; deleted messages are those with `deletedAt`. */
  readonly messages: readonly Message[];
  /** Whether there are older ones: `room.loadEarlier()`. */
  readonly hasEarlier: boolean;
  /** One’s own messages that are not acknowledged, in the order in which they were sent; without `pendingReplies`. */
  readonly pending: readonly PendingMessage[];
  /** Those of them that only their threads will show. */
  readonly pendingReplies: readonly PendingMessage[];
  /** What was stored last, by its event or by its acknowledgement, which may come first. */
  readonly latest?: Message | undefined;
  /** Those who were loaded, in the order of their accounts, and behind them those who have joined since. */
  readonly members: readonly Member[];
  /** Whether there are more: `room.loadMembers()`. */
  readonly hasMoreMembers: boolean;
  /** Others who are writing. */
  readonly typing: readonly Typing[];
  readonly viewerCan: readonly ChatAction[];
  /** Why the status is `left`, when it came as an event: one’s own removal, or the end of the chat. It was the last event if it has `cursor`. */
  readonly ended?: ChatEvent;
  /** One’s role, read marker and preferences; null for an admin who is no member. What is unread is in the inbox. */
  readonly viewer: RoomViewer | null;
}

export type RoomViewer = Pick<ChatState, 'role' | 'readSeq' | 'notify' | 'hidden' | 'mutedUntil'>;

export interface RoomSnapshot extends Pick<RoomState, 'messages' | 'members' | 'viewerCan' | 'viewer'> {
  readonly me: UserRef;
  readonly chat: ChatInfo;
  readonly cursor: string;
  readonly hasEarlier: boolean;
  readonly hasMoreMembers: boolean;
}

export type RoomAction =
  /** What no event says: that it is being loaded, say, or what one may do. */
  | { type: 'changed'; changes: Partial<RoomState> }
  | { type: 'loaded'; snapshot: RoomSnapshot }
  | { type: 'event'; event: ChatEvent }
  /** An event of before, for messages that were loaded since and may be from before it. */
  | { type: 'again'; event: ChatEvent }
  | { type: 'earlier'; messages: readonly Message[]; hasEarlier: boolean }
  | { type: 'members'; members: readonly Member[]; hasMore: boolean }
  /** A message as it is now. */
  | { type: 'message'; message: Message }
  | { type: 'typing'; typing: Typing }
  | { type: 'time'; now: number }
  | { type: 'pending'; message: PendingMessage }
  /** `message`: as the service has stored it, perhaps before its event comes. */
  | { type: 'settled'; nonce: string; message?: Message | undefined };

/** The most messages that are kept. The oldest go; `loadEarlier` brings them back. */
const MAX_MESSAGES = 5000;

export function emptyRoom(chatId: string): RoomState {
  return {
    chatId,
    status: 'loading',
    error: null,
    me: null,
    chat: null,
    cursor: null,
    viewer: null,
    messages: [],
    pending: [],
    pendingReplies: [],
    members: [],
    typing: [],
    viewerCan: [],
    hasEarlier: false,
    hasMoreMembers: false,
  };
}

/** The state after an action. Pure: the same state and action make the same state, and neither is changed. */
export function reduceRoom(state: RoomState, action: RoomAction): RoomState {
  switch (action.type) {
    case 'changed':
      return { ...state, ...action.changes };
    case 'loaded':
      return withoutPending(
        { ...state, ...action.snapshot, status: 'ready', error: null },
        action.snapshot.messages.map(({ nonce }) => nonce),
      );
    case 'event':
      return applyEvent(state, action.event);
    case 'again':
      return applyChange(state, action.event);
    case 'earlier': {
      const messages = mergeMessages(action.messages, state.messages);
      return { ...state, messages, hasEarlier: action.hasEarlier };
    }
    case 'members':
      return { ...state, members: mergeMembers(state.members, action.members), hasMoreMembers: action.hasMore };
    case 'message':
      return { ...state, messages: replaceMessage(state.messages, action.message) };
    case 'typing': {
      const { user, thread } = action.typing;
      if (user.id === state.me?.id) return state;
      const others = state.typing.filter((other) => other.user.id !== user.id || other.thread !== thread);
      return { ...state, typing: [...others, action.typing] };
    }
    case 'time': {
      const typing = state.typing.filter(({ until }) => until > action.now);
      return typing.length === state.typing.length ? state : { ...state, typing };
    }
    case 'pending': {
      const { message } = action;
      if (state.messages.some(({ nonce }) => nonce === message.nonce)) return state;
      const list = message.options.thread && !message.options.alsoInChat ? 'pendingReplies' : 'pending';
      const isKnown = state[list].some(({ nonce }) => nonce === message.nonce);
      const pending = isKnown
        ? state[list].map((other) => (other.nonce === message.nonce ? message : other))
        : [...state[list], message];
      return { ...state, [list]: pending };
    }
    case 'settled': {
      const { nonce, message } = action;
      const next = withoutPending({ ...state, latest: message }, [nonce]);
      const isAhead = message && isInTimeline(message) && message.seq > (state.messages.at(-1)?.seq ?? 0);
      return isAhead ? { ...next, messages: [...state.messages, message] } : next;
    }
  }
}

/** An event at or below the room's cursor changes nothing. */
function applyEvent(state: RoomState, event: ChatEvent): RoomState {
  if (state.cursor === null || event.seq <= positionOf(state.cursor).seq) return state;
  const next = applyChange({ ...state, cursor: event.cursor }, event);
  return event.type === 'message.created' ? withCreated(next, event.message) : next;
}

/** What an event changes in what is loaded. To apply the last ones again changes nothing. */
function applyChange(state: RoomState, event: ChatEvent): RoomState {
  switch (event.type) {
    case 'member.added':
      return { ...state, members: mergeMembers(state.members, [event.member]) };
    case 'member.updated': {
      const { member } = event;
      return { ...state, members: state.members.map((old) => (old.user.id === member.user.id ? member : old)) };
    }
    case 'member.removed': {
      const { id } = event.user;
      const members = state.members.filter(({ user }) => user.id !== id);
      const typing = state.typing.filter(({ user }) => user.id !== id);
      return { ...state, members, typing, ...(id === state.me?.id && { status: 'left' as const, ended: event }) };
    }
    case 'chat.updated':
      return { ...state, chat: state.chat && { ...state.chat, ...event.chat } };
    case 'chat.deleted':
      return { ...state, status: 'left', typing: [], ended: event };
    default:
      return { ...state, messages: applyToMessages(state.messages, event) };
  }
}

function withCreated(state: RoomState, message: Message): RoomState {
  const thread = message.thread?.rootId ?? null;
  const typing = state.typing.filter((one) => one.user.id !== message.sender.id || one.thread !== thread);
  const next = withoutPending({ ...state, typing, latest: message }, [message.nonce]);
  const oldest = state.messages[0]?.seq ?? 0;
  if (!isInTimeline(message) || (state.hasEarlier && message.seq < oldest)) return next;
  const messages = mergeMessages(state.messages, [message]);
  const excess = messages.length - MAX_MESSAGES;
  return excess > 0 ? { ...next, messages: messages.slice(excess), hasEarlier: true } : { ...next, messages };
}

/** Lists of which nothing is taken stay the same. */
function withoutPending(state: RoomState, nonces: readonly (string | null)[]): RoomState {
  const without = (list: readonly PendingMessage[]) => {
    const rest = list.filter(({ nonce }) => !nonces.includes(nonce));
    return rest.length === list.length ? list : rest;
  };
  return { ...state, pending: without(state.pending), pendingReplies: without(state.pendingReplies) };
}

function mergeMembers(members: readonly Member[], more: readonly Member[]): readonly Member[] {
  const byId = new Map([...members, ...more].map((member) => [member.user.id, member]));
  return [...byId.values()];
}
