import type { ChatStream, StreamEnd, StreamSink } from '../delivery/chat-stream.js';
import type { ChatEvent } from '../domain/chat-events.js';
import { chatNotFound, cursorReset } from '../domain/errors.js';

const DONE = { done: true, value: undefined } as const;
/** Events that wait for a slow consumer. When as many do, the stream pauses; what follows stays in the log. */
const MAX_WAITING = 64;

/** Takes one event. A promise says: no more until this is settled. */
type Take<Event> = (event: Event) => Promise<void> | undefined;

interface Waiter<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: unknown): void;
}

/**
 * A chat's stream as GraphQL's executor pulls it: one event after the other, few of them in memory. It completes after the
 * viewer's own removal, fails with CURSOR_RESET when the history is another than the cursor's, and closes its stream with
 * itself. Its consumer asks for the next event when it has the one before.
 */
export class StreamIterator<Event extends ChatEvent> implements AsyncIterableIterator<Event, undefined>, StreamSink {
  private readonly waiting: Event[] = [];
  private waiter: Waiter<Event> | undefined;
  /** Who is handed the events, when nobody pulls them. */
  private take: Take<Event> | undefined;
  private stream: ChatStream | undefined;
  private isPaused = false;
  private isEnded = false;
  /** What the consumer hears after the last event, once. */
  private failure: { error: unknown } | undefined;

  /** `onEnd` is called once, when no further event comes in. */
  constructor(
    private readonly isWanted: (event: ChatEvent) => event is Event,
    private readonly onEnd: () => void,
  ) {}

  /** The stream whose sink this is. */
  attach(stream: ChatStream): void {
    this.stream = stream;
    if (this.isEnded) stream.close();
  }

  deliver(events: readonly ChatEvent[]): boolean {
    for (const event of events) {
      // Its consumer may end it with any of them.
      if (this.isEnded) break;
      if (this.isWanted(event)) this.add(event);
    }
    return !this.isPaused;
  }

  /** History and what follows it are one sequence here. */
  live(): void {}

  reset(): void {
    this.finish({ error: cursorReset() });
  }

  end(reason: StreamEnd): void {
    if (reason === 'removed') this.finish();
    else this.finish({ error: reason === 'gone' ? chatNotFound() : new Error('The stream of a chat failed.') });
  }

  /** Ends it with an error. What waits is not for this viewer any more. */
  fail(error: unknown): void {
    this.waiting.length = 0;
    this.finish({ error });
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.waiting.shift();
    if (event) {
      if (this.waiting.length === 0) this.resume();
      return { done: false, value: event };
    }
    if (this.isEnded) return this.takeEnd();
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /**
   * Hands every event to `take` as it comes, without a promise for each: those were half of what a delivery cost. Resolves
   * after the last one; rejects as `next` does.
   */
  async handTo(take: Take<Event>): Promise<void> {
    this.take = take;
    for (let result = await this.next(); !result.done; result = await this.next()) await take(result.value);
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.waiting.length = 0;
    this.finish();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private add(event: Event): void {
    if (this.waiter && this.take) this.hand(event, this.take);
    else if (this.waiter) this.takeWaiter()?.resolve({ done: false, value: event });
    else this.isPaused = this.waiting.push(event) >= MAX_WAITING;
  }

  /** The one who waits goes on waiting, unless this event is enough. */
  private hand(event: Event, take: Take<Event>): void {
    const enough = take(event);
    const waiter = enough && this.takeWaiter();
    if (waiter) enough.then(() => this.next()).then(waiter.resolve, waiter.reject);
  }

  private resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.stream?.resume();
  }

  private finish(failure?: { error: unknown }): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.failure = failure;
    this.stream?.close();
    this.onEnd();
    const waiter = this.takeWaiter();
    if (waiter) this.takeEnd().then(waiter.resolve, waiter.reject);
  }

  private async takeEnd(): Promise<IteratorResult<Event, undefined>> {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure.error;
    return DONE;
  }

  private takeWaiter(): Waiter<Event> | undefined {
    const { waiter } = this;
    this.waiter = undefined;
    return waiter;
  }
}
