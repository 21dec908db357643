const WINDOW_MS = 1000;

/** What one address or one user uses of its limits in this process. */
export class Usage {
  /** Bytes of long responses that the client has not read yet. */
  unreadBytes = 0;
  /** Requests whose bodies are still arriving, and the bytes of the long bodies among them. */
  incomingBodies = 0;
  incomingBytes = 0;
  private windowEnd = 0;
  private requests = 0;

  /** Counts a request. Returns 0 while there are at most `max` in the second, else the milliseconds until a retry makes sense. */
  countRequest(max: number, now: number): number {
    if (now >= this.windowEnd) {
      this.windowEnd = now + WINDOW_MS;
      this.requests = 0;
    }
    this.requests += 1;
    return this.requests > max ? this.windowEnd - now : 0;
  }
}

/**
 * The usage of each owner, for at most `max` owners. Two generations of `max / 2` each: a look-up moves an owner into the young
 * one, and when that is full the old one is dropped. So an owner seen among the last `max / 2` is never forgotten.
 */
export class UsageByOwner {
  private young = new Map<string, Usage>();
  private old = new Map<string, Usage>();
  private readonly half: number;

  constructor(max: number) {
    this.half = Math.ceil(max / 2);
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  /** The owner's usage; created when there is none. */
  of(owner: string): Usage {
    const known = this.young.get(owner);
    if (known) return known;
    const usage = this.old.get(owner) ?? new Usage();
    this.old.delete(owner);
    this.young.set(owner, usage);
    if (this.young.size >= this.half) {
      this.old = this.young;
      this.young = new Map();
    }
    return usage;
  }
}
