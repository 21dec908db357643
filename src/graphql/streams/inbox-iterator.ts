import type { Replace } from '../../delivery/event-holder.js';
import type { ChangedState, Gap, InboxSink } from '../../delivery/inbox/inbox-sink.js';
import type { InboxStream } from '../../delivery/inbox/inbox-stream.js';
import type { Invitation } from '../../domain/chats/invitations.js';
import { cursorReset } from '../../domain/errors.js';
import { type ChatEvent, sizeOfEvent } from '../../domain/log/chat-events.js';
import { CurrentItems } from './current-items.js';
import { chatIdOf, type InboxItem } from './inbox-item.js';

/** Items that may wait for a slow consumer; later events stay in the log. */
const MAX_WAITING = 64;
/** The same limit in UTF-16 code units of their messages. */
const MAX_WAITING_CHARACTERS = 32 * 1024;

/**
 * An inbox as the async iterator that GraphQL's executor expects, with few items in memory. It fails with CURSOR_RESET when the history
 * is replaced. An event that waits is replaced when its message changes; of a chat's states the newest waits.
 */
export class InboxIterator implements AsyncIterableIterator<InboxItem, undefined>, InboxSink {
  private waiting: InboxItem[] = [];
  private characters = 0;
  private isFull = false;
  private readonly items: CurrentItems<InboxItem>;
  private stream: InboxStream | undefined;
  private isEnded = false;

  /**
   * @param onEnd called once, when the iterator takes no more items
   * @param hasRoomBehind false while the consumer's socket is full
   */
  constructor(
    onEnd: () => void,
    private readonly hasRoomBehind: () => boolean,
  ) {
    this.items = new CurrentItems(
      () => this.take(),
      () => {
        this.isEnded = true;
        this.waiting = [];
        this.stream?.close();
        onEnd();
      },
    );
  }

  /** Must be called with the stream that has this iterator as its sink. */
  attach(stream: InboxStream): void {
    this.stream = stream;
    if (this.isEnded) stream.close();
  }

  get holdsEvents(): boolean {
    return this.waiting.some(({ type }) => type === 'event');
  }

  get hasRoom(): boolean {
    return !this.isFull;
  }

  event(event: ChatEvent, position: string): void {
    this.characters += sizeOfEvent(event);
    this.add({ type: 'event', position, event });
    const isFull = this.waiting.length >= MAX_WAITING || this.characters >= MAX_WAITING_CHARACTERS;
    if (this.waiting.length > 0 && (isFull || !this.hasRoomBehind())) this.isFull = true;
  }

  state({ state, ofThreads }: ChangedState, position: string): void {
    const waits = this.waiting.findIndex((item) => item.type === 'state' && item.state.chatId === state.chatId);
    const waiting = this.waiting[waits];
    // In its place: the positions of what waits behind it say that the client has it.
    if (waiting?.type === 'state')
      this.waiting[waits] = { ...waiting, state, ofThreads: ofThreads || waiting.ofThreads };
    else this.add({ type: 'state', position, state, ofThreads });
  }

  invitation(invitation: Invitation, position: string): void {
    this.add({ type: 'invitation', position, invitation });
  }

  gap(gap: Gap, position: string): void {
    this.add({ type: 'gap', position, gap });
  }

  /** Subscriptions do not tell history from live events. */
  live(): void {}

  reset(): void {
    this.fail(cursorReset());
  }

  failed(): void {
    this.fail(new Error('The stream of an inbox failed.'));
  }

  replace(replace: Replace): void {
    this.waiting = this.waiting.map((item) => (item.type === 'event' ? { ...item, event: replace(item.event) } : item));
    this.characters = this.waiting.reduce((sum, item) => sum + sizeOf(item), 0);
  }

  /** The token was replaced: what waits of chats that the new one does not reach is dropped. */
  reachChanged(): void {
    const { stream } = this;
    if (!stream) return;
    void stream.reachChanged();
    this.waiting = this.waiting.filter((item) => stream.reaches(chatIdOf(item)));
    this.characters = this.waiting.reduce((sum, item) => sum + sizeOf(item), 0);
    if (this.waiting.length === 0) this.emptied();
  }

  /** Ends the iterator with an error, and drops what waits. */
  fail(error: unknown): void {
    this.items.end({ error });
  }

  next(): Promise<IteratorResult<InboxItem, undefined>> {
    return this.items.next();
  }

  return(): Promise<IteratorResult<InboxItem, undefined>> {
    return this.items.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private add(item: InboxItem): void {
    if (this.isEnded) return;
    this.waiting.push(item);
    this.items.arrived();
  }

  private take(): InboxItem | undefined {
    const item = this.waiting.shift();
    if (item) this.characters -= sizeOf(item);
    if (this.waiting.length === 0) this.emptied();
    return item;
  }

  private emptied(): void {
    this.stream?.emptied();
    if (!this.isFull) return;
    this.isFull = false;
    // In a later turn: the consumer takes this item first.
    setImmediate(() => this.stream?.resume());
  }
}

function sizeOf(item: InboxItem): number {
  return item.type === 'event' ? sizeOfEvent(item.event) : 0;
}
