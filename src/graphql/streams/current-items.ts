const DONE = { done: true, value: undefined } as const;

interface Waiter<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: unknown): void;
}

/**
 * The async iterator that GraphQL's executor expects, over items that are worth something only now. Its owner keeps those that wait, as
 * few as it wants to; when the iterator ends, they are gone. The consumer must not call `next` before the call before is settled.
 */
export class CurrentItems<Item> implements AsyncIterableIterator<Item, undefined> {
  private waiter: Waiter<Item> | undefined;
  private isEnded = false;
  /** The error that the consumer gets once. */
  private failure: { error: unknown } | undefined;

  /**
   * @param take the next item that waits; undefined when there is none
   * @param onEnd called once, when the iterator takes no more items
   */
  constructor(
    private readonly take: () => Item | undefined,
    private readonly onEnd: () => void,
  ) {}

  /** An item waits. */
  arrived(): void {
    if (!this.waiter || this.isEnded) return;
    const item = this.take();
    if (item !== undefined) this.takeWaiter()?.resolve({ done: false, value: item });
  }

  /** Ends the iterator, with an error if one is given. */
  end(failure?: { error: unknown }): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.failure = failure;
    this.onEnd();
    const waiter = this.takeWaiter();
    if (waiter) this.takeEnd().then(waiter.resolve, waiter.reject);
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    if (this.isEnded) return this.takeEnd();
    const item = this.take();
    if (item !== undefined) return { done: false, value: item };
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async takeEnd(): Promise<IteratorResult<Item, undefined>> {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure.error;
    return DONE;
  }

  private takeWaiter(): Waiter<Item> | undefined {
    const { waiter } = this;
    this.waiter = undefined;
    return waiter;
  }
}
