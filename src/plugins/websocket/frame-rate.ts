export interface FrameRateLimit {
  /** Frames a second that a client may send for ever. */
  perSecond: number;
  /** Frames it may send at once after a rest. */
  burst: number;
}

/** A token bucket. */
export class FrameRate {
  private tokens: number;
  private filledAt = performance.now();

  constructor(private readonly limit: FrameRateLimit) {
    this.tokens = limit.burst;
  }

  /** Counts one frame; false when it is one too many. `now` in milliseconds of `performance.now()`. */
  allows(now = performance.now()): boolean {
    const { perSecond, burst } = this.limit;
    if (burst === Number.POSITIVE_INFINITY) return true;
    this.tokens = Math.min(burst, this.tokens + ((now - this.filledAt) / 1000) * perSecond);
    this.filledAt = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
