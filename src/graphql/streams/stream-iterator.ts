import type { ChatStream } from '../../delivery/chat-stream.js';
import type { StreamEnd, StreamSink } from '../../delivery/stream-sink.js';
import { chatNotFound, cursorReset } from '../../domain/errors.js';
import { type ChatEvent, contentLength } from '../../domain/log/chat-events.js';

const DONE = { done: true, value: undefined } as const;
/** Events that may wait for a slow consumer. At this number the stream pauses, and later events stay in the log. */
const MAX_WAITING = 64;
/** The same limit in UTF-16 code units of their contents. */
const MAX_WAITING_CHARACTERS = 32 * 1024;

/** Takes one event. When it returns a promise, the next event waits until that is settled. */
type Take<Event> = (event: Event) => Promise<void> | undefined;

interface Waiter<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: unknown): void;
}

/**
 * A chat's stream as the async iterator that GraphQL's executor expects, with few events in memory. It completes when the viewer is
 * removed or the chat deleted, and fails with CURSOR_RESET when the cursor is not of the chat's history. When it ends, it closes its
 * stream. The consumer must not call `next` before the call before is settled.
 */
export class StreamIterator<Event extends ChatEvent> implements AsyncIterableIterator<Event, undefined>, StreamSink {
  private readonly waiting: Event[] = [];
  private waitingCharacters = 0;
  private waiter: Waiter<Event> | undefined;
  /** Gets the events instead of callers of `next`. */
  private take: Take<Event> | undefined;
  private stream: ChatStream | undefined;
  private isPaused = false;
  private isEnded = false;
  /** The error that the consumer gets once, after the last event. */
  private failure: { error: unknown } | undefined;

  /**
   * @param onEnd called once, when the iterator takes no more events
   * @param hasRoom false makes the stream pause at the first event that has to wait
   */
  constructor(
    private readonly isWanted: (event: ChatEvent) => event is Event,
    private readonly onEnd: () => void,
    private readonly hasRoom: () => boolean = () => true,
  ) {}

  /** Must be called with the stream that has this iterator as its sink. */
  attach(stream: ChatStream): void {
    this.stream = stream;
    if (this.isEnded) stream.close();
  }

  deliver(events: readonly ChatEvent[]): boolean {
    for (const event of events) {
      // The consumer may end the iterator at any event.
      if (this.isEnded) break;
      if (this.isWanted(event)) this.add(event);
    }
    return !this.isPaused;
  }

  /** Subscriptions do not tell history from live events. */
  live(): void {}

  reset(): void {
    this.finish({ error: cursorReset() });
  }

  end(reason: StreamEnd): void {
    if (reason === 'removed' || reason === 'deleted') this.finish();
    else this.finish({ error: reason === 'not_found' ? chatNotFound() : new Error('The stream of a chat failed.') });
  }

  /** Ends the iterator with an error, and drops waiting events: the viewer may not have them any more. */
  fail(error: unknown): void {
    this.dropWaiting();
    this.finish({ error });
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.waiting.shift();
    if (event) {
      this.waitingCharacters -= contentLength(event);
      if (this.waiting.length === 0) this.resume();
      return { done: false, value: event };
    }
    if (this.isEnded) return this.takeEnd();
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /**
   * Passes each event to `take` as it comes. This saves a promise per event, which was half the cost of a delivery. Resolves after the
   * last event; rejects as `next` does.
   */
  async pushTo(take: Take<Event>): Promise<void> {
    this.take = take;
    for (let result = await this.next(); !result.done; result = await this.next()) await take(result.value);
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.dropWaiting();
    this.finish();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private add(event: Event): void {
    if (this.waiter && this.take) this.push(event, this.take);
    else if (this.waiter) this.takeWaiter()?.resolve({ done: false, value: event });
    else this.wait(event);
  }

  private wait(event: Event): void {
    this.waiting.push(event);
    this.waitingCharacters += contentLength(event);
    const isFull = this.waiting.length >= MAX_WAITING || this.waitingCharacters >= MAX_WAITING_CHARACTERS;
    if (isFull || !this.hasRoom()) this.isPaused = true;
  }

  /** `pushTo` keeps waiting in `next`, unless `take` asks it to wait for a promise first. */
  private push(event: Event, take: Take<Event>): void {
    const taken = take(event);
    const waiter = taken && this.takeWaiter();
    if (waiter) taken.then(() => this.next()).then(waiter.resolve, waiter.reject);
  }

  private dropWaiting(): void {
    this.waiting.length = 0;
    this.waitingCharacters = 0;
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
