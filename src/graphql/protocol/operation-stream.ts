import type { Operation } from './operations.js';

const DONE = { done: true, value: undefined } as const;

/**
 * The events of a subscription, ended with its operation: the source is closed and a `next` that waits returns at once, even
 * when the source does not notice. A source that fails ends the stream, and `onError` hears why.
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
    // The source may answer late or never, and an error at its end concerns nobody any more.
    this.source.return?.().catch(() => {});
  };
}

/** The stream of an operation that ended before it began. */
export async function* noEvents(): AsyncGenerator<never, void> {}
