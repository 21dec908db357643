import { monitorEventLoopDelay } from 'node:perf_hooks';

const SAMPLE_MS = 1000;
const RESOLUTION_MS = 20;
/** One late second may be a pause of the machine; the second one in a row is ours. */
const LATE_SAMPLES = 2;

/** Watches how late the event loop is: everything that the process answers waits as long. */
export class LoopDelay {
  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly timer: NodeJS.Timeout;
  private lateSamples = 0;

  /** `limitMs`: the mean delay of a second above which it counts as late. */
  constructor(private readonly limitMs: number) {
    this.histogram.enable();
    this.timer = setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  /** True once the loop was late for two seconds on end, until it has been in time for one. */
  get isLate(): boolean {
    return this.lateSamples >= LATE_SAMPLES;
  }

  close(): void {
    clearInterval(this.timer);
    this.histogram.disable();
  }

  private sample(): void {
    // Without a sample the mean is no number, and says nothing.
    const delayMs = this.histogram.mean / 1e6 - RESOLUTION_MS;
    this.lateSamples = delayMs > this.limitMs ? this.lateSamples + 1 : 0;
    this.histogram.reset();
  }
}
