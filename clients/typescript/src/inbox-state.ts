import type { ChatError } from './errors.js';
import { type ChatEvent, positionOf } from './events.js';
import { isInTimeline, type Message, type UserRef } from './messages.js';
import type { ChatInfo } from './room-state.js';
import type { ChatState, PresenceStatus } from './schema.js';

export interface InboxItem {
  readonly chat: ChatInfo;
  /** The other user of a direct chat; null for a group. */
  readonly peer: UserRef | null;
  /** The newest message of the main timeline that is not deleted. */
  readonly lastMessage: Message | null;
  /** What the chat is to the user: role, read marker, unread messages, preferences. */
  readonly state: ChatState;
  /** Everything up to here is shown. */
  readonly cursor: string;
  /** The time of the newest message, or of about when the user joined. Items are in its order, the newest first. */
  readonly activeAt: string;
}

export interface Presence {
  readonly id: string;
  readonly status: PresenceStatus;
  readonly lastActiveAt: string | null;
}

export interface InboxState {
  /** `loading` also while it is loaded anew: what it shows then is of before. */
  readonly status: 'loading' | 'ready' | 'failed';
  readonly error: ChatError | null;
  readonly me: UserRef | null;
  /** The chats that are loaded and not hidden, the one with the newest message first. */
  readonly items: readonly InboxItem[];
  /** Whether there are more: `inbox.loadMore()`. */
  readonly hasMore: boolean;
  /** Of the loaded items together. `isCapped`: there are more than the numbers say. */
  readonly unread: {
    readonly messages: number;
    readonly mentions: number;
    readonly chats: number;
    readonly isCapped: boolean;
  };
  /** Of the users whom `inbox.watchPresence()` names, by their ids. */
  readonly presence: Readonly<Record<string, Presence>>;
}

export type InboxAction =
  /** What no event says. */
  | { type: 'changed'; changes: Partial<InboxState> }
  /** A page of chats behind those that are there, or in their place. */
  | { type: 'loaded'; me: UserRef; items: readonly InboxItem[]; hasMore: boolean; isMore: boolean }
  | { type: 'event'; event: ChatEvent }
  | { type: 'state'; chatId: string; state: ChatState }
  /** A chat as it is now; null when the user is no member of it. */
  | { type: 'refreshed'; chatId: string; item: InboxItem | null };

/** Counts end here. */
const CAP = 100;

export function emptyInbox(): InboxState {
  const unread = { messages: 0, mentions: 0, chats: 0, isCapped: false };
  return { status: 'loading', error: null, me: null, items: [], hasMore: false, unread, presence: {} };
}

/** The state after an action. Pure: the same state and action make the same state, and neither is changed. */
export function reduceInbox(state: InboxState, action: InboxAction): InboxState {
  switch (action.type) {
    case 'changed':
      return { ...state, ...action.changes };
    case 'loaded': {
      const { me, items, hasMore, isMore } = action;
      const shown = { ...state, me, hasMore, status: 'ready', error: null } as const;
      return withItems(shown, isMore ? [...state.items, ...items] : items);
    }
    case 'event':
      return applyEvent(state, action.event);
    case 'state':
      return updateItem(state, action.chatId, (item) => ({ ...item, state: action.state }));
    case 'refreshed': {
      const { chatId, item } = action;
      const before = state.items.find(({ chat }) => chat.id === chatId);
      const others = state.items.filter((other) => other !== before);
      if (!item) return withItems(state, others);
      // Replies in threads count as activity, and are not the newest message.
      const activeAt = later(before?.activeAt ?? '', item.activeAt);
      return withItems(state, [{ ...item, activeAt }, ...others]);
    }
  }
}

/**
 * Whether the chat's item cannot follow the event by itself and has to be asked for: what the count of unread messages and the newest
 * message are after a deletion, say. Asked with the state before the event.
 */
export function needsRefresh(state: InboxState, event: ChatEvent): boolean {
  const item = state.items.find(({ chat }) => chat.id === event.chatId);
  const isMe = ({ id }: UserRef) => id === state.me?.id;
  if (event.type === 'member.added' || event.type === 'member.updated') return isMe(event.member.user);
  if (!item) return event.type === 'message.created';
  const { unread } = item.state;
  if (event.type === 'message.created') {
    const { sender, mentions } = event.message;
    // Whether a mention counts is the service's to say: its sender may be blocked.
    return !isMe(sender) && (!isInTimeline(event.message) || mentions.some(isMe));
  }
  if (event.type === 'message.edited') {
    const { sender, mentions, mentionsAll } = event.message;
    return !isMe(sender) && (unread.mentions > 0 || mentionsAll || mentions.some(isMe));
  }
  if (event.type !== 'message.deleted') return false;
  // It may have been unread, or a mention.
  return !isMe(event.message.sender) || item.lastMessage?.id === event.message.id;
}

/** An event at or below the item's cursor changes nothing. */
function applyEvent(state: InboxState, event: ChatEvent): InboxState {
  if (event.type === 'chat.deleted' || (event.type === 'member.removed' && event.user.id === state.me?.id))
    return withItems(
      state,
      state.items.filter(({ chat, cursor }) => chat.id !== event.chatId || positionOf(cursor).seq >= event.seq),
    );
  return updateItem(state, event.chatId, (item) => {
    if (event.seq <= positionOf(item.cursor).seq) return item;
    const next = { ...item, cursor: event.cursor };
    if (event.type === 'message.created') return withCreated(state, next, event.message);
    if (event.type === 'chat.updated') return { ...next, chat: { ...item.chat, ...event.chat } };
    if ('message' in event && event.message.id === item.lastMessage?.id) return { ...next, lastMessage: event.message };
    if (event.type === 'message.reactions' && event.messageId === item.lastMessage?.id)
      return { ...next, lastMessage: { ...item.lastMessage, reactions: event.reactions } };
    return next;
  });
}

function withCreated({ me }: InboxState, item: InboxItem, message: Message): InboxItem {
  const activeAt = later(message.createdAt, item.activeAt);
  if (!isInTimeline(message) || message.deletedAt !== null) return { ...item, activeAt };
  const next = { ...item, activeAt, lastMessage: message };
  if (!me || message.sender.id === me.id || message.seq <= item.state.readSeq) return next;
  const { unread } = item.state;
  const isMention = message.mentionsAll && !message.mentions.some(({ id }) => id === me.id);
  return {
    ...next,
    state: {
      ...item.state,
      unread: {
        ...unread,
        messages: Math.min(CAP, unread.messages + 1),
        capped: unread.capped || unread.messages === CAP,
        mentions: Math.min(CAP, unread.mentions + (isMention ? 1 : 0)),
        firstSeq: unread.firstSeq ?? message.seq,
      },
    },
  };
}

function updateItem(state: InboxState, chatId: string, update: (item: InboxItem) => InboxItem): InboxState {
  const item = state.items.find(({ chat }) => chat.id === chatId);
  const next = item && update(item);
  if (!next || next === item) return state;
  return withItems(
    state,
    state.items.map((other) => (other === item ? next : other)),
  );
}

/** Items in their order, each chat once, without hidden ones; and their sums. */
function withItems(state: InboxState, items: readonly InboxItem[]): InboxState {
  const byId = new Map([...items].reverse().map((item) => [item.chat.id, item]));
  const shown = items.filter((item) => byId.get(item.chat.id) === item && !item.state.hidden);
  shown.sort((one, other) => (one.activeAt < other.activeAt ? 1 : one.activeAt > other.activeAt ? -1 : 0));
  const counts = shown.map(({ state: { unread } }) => unread);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const unread = {
    messages: sum(counts.map(({ messages }) => messages)),
    mentions: sum(counts.map(({ mentions }) => mentions)),
    chats: counts.filter(({ messages, mentions, threads }) => messages + mentions + threads > 0).length,
    isCapped: counts.some(({ capped }) => capped),
  };
  return { ...state, items: shown, unread };
}

/** The later of two times, as the service writes them. */
function later(one: string, other: string): string {
  return one < other ? other : one;
}
