import type { ChatStream } from '../../delivery/chat-stream.js';
import type { StreamEnd, StreamSink } from '../../delivery/stream-sink.js';
import { chatNotFound } from '../../domain/errors.js';
import type { ChatSignal } from '../../domain/signals.js';
import { CurrentItems } from './current-items.js';

/** Signals that may wait for a slow consumer. Further ones are dropped. */
const MAX_WAITING = 32;

/**
 * The signals of a chat as an async iterator. It is the sink of a stream, whose events it leaves aside: the stream ends when the viewer
 * is removed or the chat deleted, and with it the signals.
 */
export class SignalIterator implements AsyncIterableIterator<ChatSignal, undefined>, StreamSink {
  readonly holdsEvents = false;
  private readonly waiting: ChatSignal[] = [];
  private readonly items: CurrentItems<ChatSignal>;
  private stream: ChatStream | undefined;
  private isEnded = false;

  /**
   * @param onEnd called once, when the iterator takes no more signals
   * @param hasRoom false drops what comes
   */
  constructor(
    onEnd: () => void,
    private readonly hasRoom: () => boolean,
  ) {
    this.items = new CurrentItems(
      () => this.waiting.shift(),
      () => {
        this.isEnded = true;
        this.stream?.close();
        onEnd();
      },
    );
  }

  /** Must be called with the stream that has this iterator as its sink. */
  attach(stream: ChatStream): void {
    this.stream = stream;
    if (this.isEnded) stream.close();
  }

  signal(signal: ChatSignal): void {
    if (this.isEnded || !this.hasRoom() || this.waiting.length >= MAX_WAITING) return;
    this.waiting.push(signal);
    this.items.arrived();
  }

  deliver(): boolean {
    return true;
  }

  replace(): void {}
  live(): void {}
  reset(): void {}

  end(reason: StreamEnd): void {
    if (reason === 'removed' || reason === 'deleted') this.items.end();
    else this.fail(reason === 'not_found' ? chatNotFound() : new Error('The stream of a chat failed.'));
  }

  fail(error: unknown): void {
    this.items.end({ error });
  }

  next(): Promise<IteratorResult<ChatSignal, undefined>> {
    return this.items.next();
  }

  return(): Promise<IteratorResult<ChatSignal, undefined>> {
    return this.items.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
