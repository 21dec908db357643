interface Flushable {
  flush(): void;
}

/** The longest that frames may wait for company when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 15;

/**
 * One per process: whoever has something to write in this turn of the event loop writes once, at the end of it. A write
 * costs microseconds whatever its length, so a frame each would be most of the service's work.
 *
 * A round of writes is followed by a window as long as it took, in which more comes together: eight frames in a write and
 * not four, at a thousand sockets, and the messages arrive in half the time because of it. A process with little to do has
 * short rounds, and whoever speaks less often than rounds take waits for nothing.
 */
export class JoinedWrites {
  private due: Flushable[] = [];
  private notBefore = 0;
  /** What was joined last in this round: the sockets of a chat mostly have the same frames due. */
  private joined: { frames: readonly Buffer[]; bytes: Buffer } | undefined;

  add(flushable: Flushable): void {
    if (this.due.push(flushable) > 1) return;
    const wait = this.notBefore - performance.now();
    // Timers have whole milliseconds.
    if (wait >= 1) setTimeout(() => this.flush(), wait);
    else setImmediate(() => this.flush());
  }

  /** The frames as one buffer, which may be others' too. */
  join(frames: readonly Buffer[]): Buffer {
    const [first] = frames;
    if (first && frames.length === 1) return first;
    if (!this.joined || !areSame(this.joined.frames, frames)) this.joined = { frames, bytes: Buffer.concat(frames) };
    return this.joined.bytes;
  }

  private flush(): void {
    const due = this.due;
    this.due = [];
    const startedAt = performance.now();
    for (const flushable of due) flushable.flush();
    this.joined = undefined;
    const endedAt = performance.now();
    this.notBefore = endedAt + Math.min(endedAt - startedAt, MAX_WINDOW_MS);
  }
}

function areSame(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((frame, index) => frame === other[index]);
}
