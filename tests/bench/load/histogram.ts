import type { Percentiles } from './job.js';

const BUCKETS_PER_DOUBLING = 64;
const BUCKETS = 40 * BUCKETS_PER_DOUBLING;

/** A histogram of durations in milliseconds, with a resolution of about one percent. Its size does not depend on their number. */
export class Histogram {
  private readonly counts = new Uint32Array(BUCKETS);
  private total = 0;
  private max = 0;

  record(ms: number): void {
    const microseconds = Math.max(1, ms * 1000);
    const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log2(microseconds) * BUCKETS_PER_DOUBLING));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.total += 1;
    if (ms > this.max) this.max = ms;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
    this.max = 0;
  }

  /** Undefined when nothing was recorded. */
  percentiles(): Percentiles | undefined {
    if (this.total === 0) return undefined;
    return { p50: this.quantile(0.5), p99: this.quantile(0.99), max: this.max };
  }

  private quantile(share: number): number {
    let left = share * this.total;
    for (const [bucket, count] of this.counts.entries()) {
      left -= count;
      if (left <= 0) return 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING) / 1000;
    }
    return this.max;
  }
}
