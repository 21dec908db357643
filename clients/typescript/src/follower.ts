import { ChatError } from './errors.js';
import { type ChatEvent, type Position, positionOf, type RoomEvent } from './events.js';

export interface EventPage {
  events: ChatEvent[];
  cursor: string;
  hasMore: boolean;
}

/** Where a follower gets what the stream did not bring. Both are repeated until they succeed or fail for good. */
export interface EventSource {
  /** The events after a cursor. @throws ChatError `CURSOR_RESET`, `NOT_FOUND`; `CLOSED` */
  events(chatId: string, after: string): Promise<EventPage>;
  /** The newest cursor of the chat. @throws ChatError `NOT_FOUND`; `CLOSED` */
  cursor(chatId: string): Promise<string>;
  /** Waits before the service is asked the same again. */
  pause(): Promise<void>;
}

/** Events that wait for their reader. Those beyond are read from the service when it gets there. */
const MAX_WAITING = 500;

/**
 * The events of one chat behind a cursor, each once, in their order, without a hole: those of the stream, and where that has a hole,
 * was interrupted or was faster than the reader, those that the service has stored.
 */
export class Follower {
  private waiting: ChatEvent[] = [];
  /** Undefined until `begin`. */
  private at: Position | undefined;
  /** Up to here the service has said all there is: a number that is left out does not come any more. */
  private completeTo = 0;
  /** Whether there may be events that the stream does not bring. */
  private isBehind = false;
  private isOver = false;
  private wake = () => {};

  /** @param me the id of the user, whose own removal ends the events */
  constructor(
    private readonly chatId: string,
    private readonly source: EventSource,
    private readonly me: () => string | undefined,
  ) {}

  /** Starts behind this cursor. What was pushed before and is not above it is dropped. */
  begin(cursor: string): void {
    this.at = positionOf(cursor);
    this.completeTo = 0;
    this.keep(this.at);
    this.wake();
  }

  /** Takes an event of the stream. */
  push(event: ChatEvent): void {
    if (this.isOver) return;
    if (this.waiting.length < MAX_WAITING || this.isLast(event)) this.waiting.push(event);
    else this.isBehind = true;
    this.wake();
  }

  /** The stream has left something out. */
  interrupted(): void {
    this.isBehind = true;
    this.wake();
  }

  /** Ends the events: `next` resolves to undefined. */
  close(): void {
    this.isOver = true;
    this.waiting = [];
    this.wake();
  }

  /**
   * The next event; undefined behind the user's removal, and after `close`. Not to be called again before it has resolved.
   * @throws ChatError that is not transient
   */
  async next(): Promise<RoomEvent | undefined> {
    for (;;) {
      if (this.isOver) return undefined;
      const event = this.take();
      if (event) return event;
      const { at } = this;
      if (at && (this.isBehind || this.waiting.length > 0)) {
        const reset = await this.fill(at);
        if (reset) return reset;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  /** The first that waits, if it is the next one. */
  private take(): ChatEvent | undefined {
    const { at } = this;
    if (!at) return undefined;
    for (;;) {
      const [event] = this.waiting;
      if (!event) break;
      const { epoch, seq } = positionOf(event.cursor);
      if (epoch !== at.epoch || (seq > at.seq + 1 && seq > this.completeTo)) break;
      this.waiting.shift();
      if (seq <= at.seq) continue;
      this.at = { epoch, seq };
      if (this.isLast(event)) this.close();
      return event;
    }
    // What the service left out does not come any more.
    if (this.completeTo > at.seq) this.at = { epoch: at.epoch, seq: this.completeTo };
    return undefined;
  }

  private isLast(event: ChatEvent): boolean {
    return event.type === 'chat.deleted' || (event.type === 'member.removed' && event.user.id === this.me());
  }

  /**
   * A user who was removed cannot read what is missing: what the stream has brought up to the removal is all there is. The stream may be a
   * little later than the refusal.
   */
  private async awaitRemoval(refusal: ChatError): Promise<undefined> {
    for (let tries = 0; tries < 3 && !this.isOver; tries += 1) {
      const removal = this.waiting.find((event) => this.isLast(event));
      if (removal) {
        this.completeTo = removal.seq;
        return;
      }
      await this.source.pause();
    }
    if (!this.isOver) throw refusal;
  }

  /** Drops what waits and is not above this position, or of another history. */
  private keep({ epoch, seq }: Position): void {
    this.waiting = this.waiting.filter((event) => event.seq > seq && positionOf(event.cursor).epoch === epoch);
  }

  /** Reads what is missing. @returns what to say when the history was replaced */
  private async fill({ epoch, seq }: Position): Promise<RoomEvent | undefined> {
    this.isBehind = false;
    try {
      const page = await this.source.events(this.chatId, `${epoch}:${seq}`);
      this.completeTo = positionOf(page.cursor).seq;
      this.keep({ epoch, seq: this.completeTo });
      const isNoFurther = this.completeTo <= seq && this.waiting.length > 0;
      this.waiting.unshift(...page.events);
      if (page.hasMore) this.isBehind = true;
      // The stream was faster than what the service reads from.
      if (isNoFurther) await this.source.pause();
      return undefined;
    } catch (error) {
      if (this.isOver) return undefined;
      if (!(error instanceof ChatError)) throw error;
      if (error.code === 'NOT_FOUND') return this.awaitRemoval(error);
      if (error.code !== 'CURSOR_RESET') throw error;
      const cursor = await this.source.cursor(this.chatId);
      this.begin(cursor);
      return { type: 'reset', chatId: this.chatId, cursor };
    }
  }
}
