/** A value that changes, in the form of React's `useSyncExternalStore` and of an async iterable. */
export interface Observable<State> {
  /** The present state. It is the same object until something changes. */
  readonly get: () => State;
  /** Calls `listener` after each change. @returns what ends it */
  readonly subscribe: (listener: () => void) => () => void;
  /** The present state, and then the newest after each change. A slow reader skips states in between. */
  [Symbol.asyncIterator](): AsyncIterator<State, void, void>;
}

export class Store<State> implements Observable<State> {
  private readonly listeners = new Set<() => void>();
  private isOver = false;

  /** @param listenersChanged called whenever somebody begins or ends to listen */
  constructor(
    private state: State,
    private readonly listenersChanged: () => void = () => {},
  ) {}

  readonly get = (): State => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function may be given twice.
    const own = () => listener();
    this.listeners.add(own);
    this.listenersChanged();
    return () => {
      if (this.listeners.delete(own)) this.listenersChanged();
    };
  };

  get hasListeners(): boolean {
    return this.listeners.size > 0;
  }

  set(state: State): void {
    if (state === this.state) return;
    this.state = state;
    this.tell();
  }

  /** Ends the iterations. */
  end(): void {
    this.isOver = true;
    this.tell();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<State, void, void> {
    let wake = () => {};
    const stop = this.subscribe(() => wake());
    try {
      for (let shown: State | undefined; ; ) {
        if (this.state !== shown) {
          shown = this.state;
          yield shown;
        } else if (this.isOver) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      stop();
    }
  }

  private tell(): void {
    for (const listener of [...this.listeners]) tellOne(listener);
  }
}

/** An error of a listener is one of the application: it is reported as such, and stops nothing here. */
function tellOne(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
