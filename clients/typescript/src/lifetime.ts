/** Something that ends once. Like an `AbortSignal`, of which Node.js warns when more than ten listen. */
export interface Lifetime {
  readonly isOver: boolean;
  /** Calls `listener` at the end. @returns what takes it back */
  readonly onEnd: (listener: () => void) => () => void;
  readonly end: () => void;
}

export function newLifetime(): Lifetime {
  const listeners = new Set<() => void>();
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    onEnd(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    end() {
      isOver = true;
      for (const listener of [...listeners]) listener();
    },
  };
}
