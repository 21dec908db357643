interface Flushable {
  flush(): void;
}

/** How long frames may wait for company when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 2;

/**
 * One per process: whoever has something to write in this turn of the event loop writes once, at the end of it. A write
 * costs microseconds whatever its length, so a frame each would be most of the service's work.
 *
 * A round of writes that took long is followed by an equally long window, up to 2 ms, in which more comes together. A
 * process with little to do has short rounds and waits for nothing.
 */
export class JoinedWrites {
  private due: Flushable[] = [];
  private notBefore = 0;

  add(flushable: Flushable): void {
    if (this.due.push(flushable) > 1) return;
    const wait = this.notBefore - performance.now();
    // Timers have whole milliseconds.
    if (wait >= 1) setTimeout(() => this.flush(), wait);
    else setImmediate(() => this.flush());
  }

  private flush(): void {
    const due = this.due;
    this.due = [];
    const startedAt = performance.now();
    for (const flushable of due) flushable.flush();
    const endedAt = performance.now();
    this.notBefore = endedAt + Math.min(endedAt - startedAt, MAX_WINDOW_MS);
  }
}
