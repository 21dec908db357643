import type { Operation } from './operations.js';

/** Takes one event. A promise says: no more until this is settled. */
export type Take<Event> = (event: Event) => Promise<void> | undefined;

/** A source that can hand out its events instead of having them pulled. */
interface HandingSource<Event> {
  handTo(take: Take<Event>): Promise<void>;
}

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

  /** Hands every event to `take` while the operation is active. Resolves at the end of the stream; never rejects. */
  async handTo(take: Take<Event>): Promise<void> {
    const { source } = this;
    if (!isHanding<Event>(source)) {
      for await (const event of this) await take(event);
      return;
    }
    const ended = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    const handed = source
      .handTo((event) => (this.ended ? undefined : take(event)))
      .catch((error: unknown) => {
        if (!this.ended) this.onError(error);
      });
    await Promise.race([ended, handed]);
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
    // The source may answer late or never, and an error at its end concerns nobody any more.
    this.source.return?.().catch(() => {});
  };
}

function isHanding<Event>(source: object): source is HandingSource<Event> {
  return 'handTo' in source;
}

/** The stream of an operation that ended before it began. */
export async function* noEvents(): AsyncGenerator<never, void> {}
