interface Calls {
  windowEnd: number;
  count: number;
}

export interface CallRateLimits {
  /** The most calls of one owner in a window. */
  calls: number;
  /** The length of a window, which begins with an owner's first call. Milliseconds. */
  windowMs: number;
  /** The most owners that are remembered. Default: 50,000. */
  owners?: number;
}

/**
 * Limits how often each owner calls something, in this process. Remembers a bounded number of owners, in two generations: a call
 * moves its owner into the young one, and when that is full the old one is dropped.
 */
export class CallRates {
  private young = new Map<string, Calls>();
  private old = new Map<string, Calls>();

  constructor(private readonly limits: CallRateLimits) {}

  /** Counts nothing. Returns 0 when another call would be within the limit, otherwise the milliseconds until the next window. */
  left(owner: string, now = performance.now()): number {
    const calls = this.young.get(owner) ?? this.old.get(owner);
    if (!calls || now >= calls.windowEnd || calls.count < this.limits.calls) return 0;
    return Math.ceil(calls.windowEnd - now);
  }

  /** Counts a call. Returns 0 when it is within the limit, otherwise the milliseconds until the next window. */
  count(owner: string, now = performance.now()): number {
    const { calls: max, windowMs, owners = 50_000 } = this.limits;
    let calls = this.young.get(owner) ?? this.old.get(owner);
    if (!calls || now >= calls.windowEnd) calls = { windowEnd: now + windowMs, count: 0 };
    calls.count += 1;
    this.young.set(owner, calls);
    if (this.young.size >= owners / 2) {
      this.old = this.young;
      this.young = new Map();
    }
    return calls.count > max ? Math.ceil(calls.windowEnd - now) : 0;
  }
}
