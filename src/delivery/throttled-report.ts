const INTERVAL_MS = 60_000;

/** Limits reports of what may happen at any rate to one a minute. `count` is how often it happened since the last report. */
export class ThrottledReport<Subject> {
  private count = 0;
  private reportedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly report: (subject: Subject, count: number) => void) {}

  add(subject: Subject): void {
    this.count += 1;
    const now = performance.now();
    if (now - this.reportedAt < INTERVAL_MS) return;
    this.reportedAt = now;
    const { count } = this;
    this.count = 0;
    this.report(subject, count);
  }
}
