import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { ChatSignal } from '../../domain/signals.js';
import type { ChatStream } from '../chat-stream.js';
import type { Replace } from '../event-holder.js';
import type { StreamEnd, StreamSink } from '../stream-sink.js';
import type { Segment } from './segments.js';

/** The inbox that a chat is part of. */
export interface InboxOfChat {
  readonly holdsEvents: boolean;
  canTake(chatId: string): boolean;
  deliver(chat: InboxChat, events: readonly ChatEvent[]): void;
  signal(chatId: string, signal: ChatSignal): void;
  /** The chat's stream has caught up. */
  becameLive(chat: InboxChat): void;
  replace(replace: Replace): void;
  historyReplaced(): void;
  ended(chat: InboxChat, reason: StreamEnd): void;
}

export interface InboxChatStart {
  chatId: string;
  epoch: string;
  /** The chat's newest number of when its events were listened to already; undefined when there may be a newer one. */
  known?: number | undefined;
  segments: Segment[];
  target?: number | undefined;
}

/** One chat of an inbox that delivers or is about to: the rest of what is to be delivered of it, and its stream. */
export class InboxChat implements StreamSink {
  readonly chatId: string;
  readonly epoch: string;
  /** See `InboxChatStart`. */
  known: number | undefined;
  readonly segments: Segment[];
  /** The client has caught up once it has this number; undefined when it has. */
  target: number | undefined;
  stream: ChatStream | undefined;
  isOpening = false;
  /** Whether its stream has caught up. */
  isLive = false;
  /** Whether its deletion was delivered. */
  isDeleted = false;
  /** Whether something has come since the inbox looked for quiet chats. */
  hasHeard = true;

  constructor(
    private readonly inbox: InboxOfChat,
    { chatId, epoch, known, segments, target }: InboxChatStart,
  ) {
    this.chatId = chatId;
    this.epoch = epoch;
    this.known = known;
    this.segments = segments;
    this.target = target;
  }

  /** The number up to which the client has the chat, when it waits for nothing but new events; undefined otherwise. */
  get quietSeq(): number | undefined {
    const isMember = this.segments.length === 1 && this.target === undefined && !this.isOpening;
    return isMember ? this.stream?.quietSeq : undefined;
  }

  get holdsEvents(): boolean {
    return this.inbox.holdsEvents;
  }

  get canTake(): boolean {
    return this.inbox.canTake(this.chatId);
  }

  deliver(events: readonly ChatEvent[]): boolean {
    this.hasHeard = true;
    this.inbox.deliver(this, events);
    return this.canTake;
  }

  signal(signal: ChatSignal): void {
    this.inbox.signal(this.chatId, signal);
  }

  replace(replace: Replace): void {
    this.inbox.replace(replace);
  }

  live(): void {
    this.isLive = true;
    this.inbox.becameLive(this);
  }

  reset(): void {
    this.inbox.historyReplaced();
  }

  end(reason: StreamEnd): void {
    this.isLive = false;
    this.inbox.ended(this, reason);
  }
}
