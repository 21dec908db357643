import { type ChatEvent, messageOf, withMessage } from '../domain/log/chat-events.js';
import type { ChatMessage } from '../domain/log/chat-message.js';
import { type Replace, sharedCopies } from './event-holder.js';

interface MessageState {
  message: ChatMessage;
  epoch: string;
  /** The state is that after the change of this number. */
  asOf: number;
}

const MAX_MESSAGES = 1024;

/** The newest known states of messages of one chat, for events that are on their way with older ones. */
export class MessageStates {
  private readonly byMessage = new Map<number, MessageState>();
  private newest = 0;

  get size(): number {
    return this.byMessage.size;
  }

  /**
   * Notes the state that an event shows, unless a newer one is known. Returns false when there is no room for it.
   * @param asOf the newest number of the chat when the state was read
   */
  note(event: ChatEvent, asOf: number): boolean {
    const message = messageOf(event);
    // A message without extras has not changed since it was sent, so no state of it is older.
    if (!message?.extras) return true;
    const known = this.byMessage.get(message.seq);
    if (known && known.epoch === event.epoch && known.asOf >= asOf) return true;
    if (!known && this.byMessage.size >= MAX_MESSAGES) return false;
    this.byMessage.set(message.seq, { message, epoch: event.epoch, asOf });
    this.newest = Math.max(this.newest, asOf);
    return true;
  }

  /** The event with the newest state known of its message: itself, or a copy. */
  current(event: ChatEvent, asOf: number): ChatEvent {
    if (this.byMessage.size === 0) return event;
    const message = messageOf(event);
    const known = message && this.byMessage.get(message.seq);
    if (!known || known.message === message || known.epoch !== event.epoch) return event;
    if (message.extras && known.asOf <= asOf) return event;
    return withMessage(event, known.message);
  }

  /** The replacement of events that were held before the states came. An event shows a state that is at least as new as itself. */
  replacement(): Replace {
    return sharedCopies((held) => this.current(held, held.seq));
  }

  /** Drops the states that are not newer than `seq`. */
  dropUpTo(seq: number): void {
    for (const [messageSeq, { asOf }] of this.byMessage) if (asOf <= seq) this.byMessage.delete(messageSeq);
  }

  /** The same, at once, when no state is newer; otherwise it does nothing. */
  dropAllUpTo(seq: number): void {
    if (this.newest <= seq && this.byMessage.size > 0) this.clear();
  }

  clear(): void {
    this.byMessage.clear();
    this.newest = 0;
  }
}
