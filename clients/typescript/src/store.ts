import { type ChatError, closedError, notFound } from './errors.js';

/** A value that changes, in the form of React's `useSyncExternalStore` and of an async iterable. */
export interface Observable<State> {
  /** The present state. It is the same object until something changes. */
  readonly get: () => State;
  /** Calls `listener` after each change. @returns what ends it */
  readonly subscribe: (listener: () => void) => () => void;
  /** The present state, and then the newest after each change. A slow reader skips states in between. */
  [Symbol.asyncIterator](): AsyncIterator<State, void, void>;
}

export interface Store<State> extends Observable<State> {
  readonly hasListeners: boolean;
  set(state: State): void;
  /** Ends the iterations. */
  end(): void;
}

/** @param listenersChanged called whenever somebody begins or ends to listen */
export function storeOf<State>(state: State, listenersChanged: () => void = () => {}): Store<State> {
  const listeners = new Set<() => void>();
  let isOver = false;
  const tell = () => {
    for (const listener of [...listeners]) tellOne(listener);
  };
  const subscribe = (listener: () => void) => {
    // The same function may be given twice.
    const own = () => listener();
    listeners.add(own);
    listenersChanged();
    return () => {
      if (listeners.delete(own)) listenersChanged();
    };
  };
  return {
    get: () => state,
    subscribe,
    get hasListeners() {
      return listeners.size > 0;
    },
    set(next) {
      if (next === state) return;
      state = next;
      tell();
    },
    end() {
      isOver = true;
      tell();
    },
    async *[Symbol.asyncIterator]() {
      let wake = () => {};
      const stop = subscribe(() => wake());
      try {
        for (let shown: State | undefined; ; ) {
          if (state !== shown) {
            shown = state;
            yield shown;
          } else if (isOver) return;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        stop();
      }
    },
  };
}

/**
 * The first state that is loaded.
 * @throws ChatError the state's when it failed; `NOT_FOUND` when one has left the chat; `CLOSED` when it ends before
 */
export async function whenReady<State extends { readonly status: string; readonly error: ChatError | null }>(
  observable: Observable<State>,
): Promise<State> {
  for await (const state of observable) {
    if (state.status === 'ready') return state;
    if (state.status !== 'loading') throw state.error ?? notFound();
  }
  throw closedError();
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
