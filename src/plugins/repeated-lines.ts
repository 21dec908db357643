/** Lines with the same message that are written in a second. */
const LINES = 20;
const WINDOW_MS = 1000;
/** Messages that are counted separately; the code has fewer. Any beyond count together. */
const MESSAGES = 500;
const OTHERS = 'other lines';

/**
 * Rate limits log lines, so that clients cannot fill the disk with stack traces: 20 lines a second with the same message are
 * written, and of the rest their number.
 */
export class RepeatedLines {
  private counts = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  /** @param onLeftOut called at the end of the second with the number of lines dropped for a message */
  constructor(private readonly onLeftOut: (message: string, lines: number) => void) {}

  /** Whether a line with this message may be written. */
  take(message: string): boolean {
    this.timer ??= setTimeout(() => this.endWindow(), WINDOW_MS).unref();
    const key = this.counts.size < MESSAGES || this.counts.has(message) ? message : OTHERS;
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count <= LINES;
  }

  private endWindow(): void {
    this.timer = undefined;
    const counts = this.counts;
    this.counts = new Map();
    for (const [message, count] of counts) if (count > LINES) this.onLeftOut(message, count - LINES);
  }
}
