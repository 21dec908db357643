import type { ChatStream } from '../../delivery/chat-stream.js';
import type { Replace } from '../../delivery/event-holder.js';
import type { StreamEnd, StreamSink } from '../../delivery/stream-sink.js';
import { chatNotFound, cursorReset } from '../../domain/errors.js';
import { type ChatEvent, sizeOfEvent } from '../../domain/log/chat-events.js';

const DONE = { done: true, value: undefined } as const;
/** Events that may wait for a slow consumer. At this number the stream pauses, and later events stay in the log. */
const MAX_WAITING = 64;
/** The same limit in UTF-16 code units of their messages. */
const MAX_WAITING_CHARACTERS = 32 * 1024;

/** Takes one event. When it returns a promise, the next event waits until that is settled. */
type Take<Event> = (event: Event) => Promise<void> | undefined;

interface Waiter<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: unknown): void;
}

/**
 * A chat's stream as the async iterator that GraphQL's executor expects, with few events in memory. It completes when the viewer is
 * removed or the chat deleted, and fails with CURSOR_RESET when the cursor is not of the chat's history. When it ends and holds no
 * event, it closes its stream. An event that waits is replaced when its message changes. The consumer must not call `next` before the call before is settled.
 */
export class StreamIterator<Event extends ChatEvent> implements AsyncIterableIterator<Event, undefined>, StreamSink {
  private waiting: Event[] = [];
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
    if (this.isEnded) this.leave(stream);
  }

  deliver(events: readonly ChatEvent[]): boolean {
    for (const event of events) {
      // The consumer may end the iterator at any event.
      if (this.isEnded) break;
      if (this.isWanted(event)) this.add(event);
    }
    return !this.isPaused;
  }

  get holdsEvents(): boolean {
    return this.waiting.length > 0;
  }

  replace(replace: Replace): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.map(replace).filter(this.isWanted);
    this.waitingCharacters = this.waiting.reduce((sum, event) => sum + sizeOfEvent(event), 0);
    if (this.waiting.length === 0) this.emptied();
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
    this.finish({ error });
    this.dropWaiting();
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.waiting.shift();
    if (event) {
      this.waitingCharacters -= sizeOfEvent(event);
      if (this.waiting.length === 0) this.emptied();
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
    while (await this.pushNext(take));
  }

  /** Not an async function: its locals would hold the event while the consumer is full. */
  private pushNext(take: Take<Event>): Promise<boolean> {
    return this.next().then((result) => {
      if (result.done) return false;
      const taken = take(result.value);
      return taken ? taken.then(() => true) : true;
    });
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.finish();
    this.dropWaiting();
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
    this.waitingCharacters += sizeOfEvent(event);
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
    this.waiting = [];
    this.waitingCharacters = 0;
    this.emptied();
  }

  /** No event waits any more. */
  private emptied(): void {
    if (this.isEnded) {
      this.stream?.close();
    } else if (this.isPaused) {
      this.isPaused = false;
      this.stream?.resume();
    }
  }

  /** Takes no more events from the stream, and closes it unless events wait: those may still have to be replaced. */
  private leave(stream: ChatStream): void {
    if (this.holdsEvents) stream.stop();
    else stream.close();
  }

  private finish(failure?: { error: unknown }): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.failure = failure;
    if (this.stream) this.leave(this.stream);
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
