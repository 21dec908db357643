interface Interval {
  timer: NodeJS.Timeout;
  ended: Promise<void>;
  end: () => void;
}

/** Lets each key write once in an interval. Those who come too early wait for the next one together. */
export class WritePace {
  private readonly intervals = new Map<string, Interval>();
  private isOpen = true;

  /** @param intervalMs 0: no limit */
  constructor(private readonly intervalMs: number) {}

  /** True when the key may write now; its interval begins. */
  take(key: string): boolean {
    if (!this.isOpen || this.intervalMs === 0) return true;
    if (this.intervals.has(key)) return false;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = setTimeout(() => this.end(key), this.intervalMs).unref();
    this.intervals.set(key, { timer, ended, end });
    return true;
  }

  /** Ends the key's interval: it has written nothing. */
  giveBack(key: string): void {
    this.end(key);
  }

  /** Resolves when the key's interval ends; at once when it has none. */
  async next(key: string): Promise<void> {
    await this.intervals.get(key)?.ended;
  }

  /** From now on nobody waits. */
  close(): void {
    this.isOpen = false;
    for (const key of [...this.intervals.keys()]) this.end(key);
  }

  private end(key: string): void {
    const interval = this.intervals.get(key);
    if (!interval) return;
    this.intervals.delete(key);
    clearTimeout(interval.timer);
    interval.end();
  }
}
