export interface FrameRateLimit {
  /** Sustained rate, in frames a second. */
  perSecond: number;
  /** Frames that may arrive at once after a pause. */
  burst: number;
}

/** A token bucket. */
export class FrameRate {
  private tokens: number;
  private filledAt = performance.now();

  constructor(private readonly limit: FrameRateLimit) {
    this.tokens = limit.burst;
  }

  /** Counts a frame. False when it exceeds the rate. `now` is `performance.now()`. */
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
