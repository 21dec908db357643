import type { Operation } from './operations.js';

/** Receives one event. Back-pressure: after a returned promise, the next event comes when it has settled. */
export type Take<Event> = (event: Event) => Promise<void> | undefined;

/** A source that can push its events instead of having them pulled by `next`. */
interface PushSource<Event> {
  pushTo(take: Take<Event>): Promise<void>;
}

const DONE = { done: true, value: undefined } as const;

/**
 * The events of a subscription until its operation ends. Then the source is closed, and a waiting `next` returns at once, even if
 * the source does not react. When the source fails, `onError` gets the error and the stream ends.
 */
export class OperationStream<Event> implements AsyncIterableIterator<Event> {
  private readonly source: AsyncIterator<Event>;
  private wake: (() => void) | undefined;
  private ended = false;

  constructor(
    source: AsyncIterable<Event>,
    private readonly operation: Operation,
    private readonly onError: (error: unknown) => void,
  ) {
    this.source = source[Symbol.asyncIterator]();
    if (operation.signal.aborted) this.end();
    else operation.signal.addEventListener('abort', this.end, { once: true });
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    if (this.ended) return DONE;
    return new Promise((resolve) => {
      this.wake = () => resolve(DONE);
      this.source.next().then(
        (result) => {
          if (result.done) this.ended = true;
          resolve(result.done || this.ended ? DONE : result);
        },
        (error: unknown) => {
          if (!this.ended) this.onError(error);
          this.end();
        },
      );
    });
  }

  /** Passes every event to `take` while the operation is active. Resolves at the end of the stream; never rejects. */
  async pushTo(take: Take<Event>): Promise<void> {
    const { source } = this;
    if (!isPushSource<Event>(source)) {
      for await (const event of this) await take(event);
      return;
    }
    const ended = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    const pushed = source
      .pushTo((event) => (this.ended ? undefined : take(event)))
      .catch((error: unknown) => {
        if (!this.ended) this.onError(error);
      });
    await Promise.race([ended, pushed]);
    this.end();
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private readonly end = (): void => {
    if (this.ended) return;
    this.ended = true;
    this.operation.signal.removeEventListener('abort', this.end);
    this.wake?.();
    // Not awaited, since the source may never answer; an error at its end no longer matters.
    this.source.return?.().catch(() => {});
  };
}

function isPushSource<Event>(source: object): source is PushSource<Event> {
  return 'pushTo' in source;
}

/** The stream of an operation that ended before it began. */
export async function* noEvents(): AsyncGenerator<never, void> {}
