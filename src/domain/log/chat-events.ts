import { isAdmin, type Viewer } from '../viewer.js';
import { type ChatMessage, sizeOfMessage } from './chat-message.js';
import type { EventRules, Forgotten, LogEntry } from './events/kind.js';
import { KINDS } from './events/kinds.js';
import { sizeOfLoggedChat } from './logged-chat.js';

export type EventType = keyof typeof KINDS;

/** The event of each kind. */
export type EventOf<Type extends EventType> = ReturnType<(typeof KINDS)[Type]['event']>;

/** A durable change of a chat. It has the number at which something changed, and shows the present state of what changed. */
export type ChatEvent = EventOf<EventType>;

/** An entry of a kind that this version knows. */
export interface KnownEntry extends LogEntry {
  type: EventType;
}

/** Called with every change that this process commits, after the COMMIT. Feeds put the changes of a chat in order. */
export type Announce = (entry: KnownEntry) => void;

export function isKnown<Entry extends { type: string }>(entry: Entry): entry is Entry & { type: EventType } {
  return Object.hasOwn(KINDS, entry.type);
}

/** @throws BadEntry when a row or a fact of its kind is missing. */
export function toEvent(entry: KnownEntry): ChatEvent {
  return KINDS[entry.type].event(entry);
}

export function messageEntry(epoch: string, message: ChatMessage): KnownEntry {
  const { chatId, seq, createdAt, sender } = message;
  return { type: 'message.created', chatId, epoch, seq, at: createdAt, actor: sender, message };
}

/** The size of the event's message (`sizeOfMessage`) or chat, by which its own size in memory is estimated. */
export function sizeOfEvent(event: ChatEvent): number {
  if (event.type === 'chat.updated') return sizeOfLoggedChat(event.chat);
  const message = messageOf(event);
  return message ? sizeOfMessage(message) : 0;
}

/** Whether the event of the entry shows the chat. */
export function refersToChat({ type }: KnownEntry): boolean {
  return KINDS[type].refers.includes('chat');
}

/** The event's message; undefined for a kind without one. */
export function messageOf(event: ChatEvent): ChatMessage | undefined {
  return 'message' in event ? event.message : undefined;
}

/**
 * Why this event ends the viewer's streams; undefined when it does not. A removal does not end an admin's streams, since an admin may
 * read every group chat, and nobody is removed from a direct chat.
 */
export function endsStreamOf(event: ChatEvent, viewer: Viewer): 'removed' | 'deleted' | undefined {
  const ended = rulesOf(event.type).ends(event);
  if (!ended) return undefined;
  if (ended.of === 'all') return 'deleted';
  return viewer.user?.id === ended.userId && !isAdmin(viewer) ? 'removed' : undefined;
}

/** Whether events of this kind can end streams. */
export function mayEndStreams(type: EventType): boolean {
  return KINDS[type].mayEndStreams;
}

/** The message that this event shows in a later state; undefined for an event that changes no message. */
export function changedMessage(event: ChatEvent): ChatMessage | undefined {
  return event.type === 'message.created' ? undefined : messageOf(event);
}

/**
 * The event that shows this state of its message, as the log shows it then. A copy: frames and results are cached by the event
 * object, so events are never mutated.
 */
export function withMessage(event: ChatEvent, message: ChatMessage): ChatEvent {
  if (event.type === 'message.created') return { ...event, actor: message.sender, message };
  return 'message' in event ? { ...event, message } : event;
}

/** Whether the message is a reply to the message of this number, or in its thread: what clients are shown of it includes that one. */
export function refersTo({ extras }: ChatMessage, seq: number): boolean {
  return extras !== undefined && (extras.replyTo?.seq === seq || extras.thread?.rootSeq === seq);
}

/** The contents that feeds drop from memory when this event comes. */
export function forgets(event: ChatEvent): Forgotten | undefined {
  return rulesOf(event.type).forgets(event);
}

/** Whether the event shows contents that are to be dropped. */
export function showsForgotten(event: ChatEvent, forgotten: Forgotten): boolean {
  return messageOf(event)?.sender.id === forgotten.senderId;
}

/** The user who is shown more of this event than others; null when there is none. */
export function authorOf(event: ChatEvent): string | null {
  return rulesOf(event.type).author(event);
}

/** The field that contradicts another field of the event; undefined when none does. */
export function contradictionIn(event: ChatEvent): string | undefined {
  return rulesOf(event.type).contradiction(event);
}

const RULES: { readonly [Type in EventType]: EventRules<EventOf<Type>> } = KINDS;

function rulesOf<Type extends EventType>(type: Type): EventRules<EventOf<Type>> {
  return RULES[type];
}
