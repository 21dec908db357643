import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Distribution } from '../../domain/counts.js';

const SAMPLE_MS = 1000;
const RESOLUTION_MS = 20;
/** One late second may be a pause of the machine; two in a row are load. */
const LATE_SAMPLES = 2;

/** Measures the event loop's delay, which every response of the process waits for. */
export class LoopDelay {
  /** The longest delay of each second, in seconds. */
  readonly longest = new Distribution([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]);
  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly timer: NodeJS.Timeout;
  private lateSamples = 0;

  /** @param limitMs a second counts as late when its mean delay is above this */
  constructor(private readonly limitMs: number) {
    this.histogram.enable();
    this.timer = setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  /** True after two late seconds in a row, until one second is in time. */
  get isLate(): boolean {
    return this.lateSamples >= LATE_SAMPLES;
  }

  close(): void {
    clearInterval(this.timer);
    this.histogram.disable();
  }

  private sample(): void {
    // Without samples the mean is NaN, which compares as in time.
    const delayMs = this.histogram.mean / 1e6 - RESOLUTION_MS;
    this.lateSamples = delayMs > this.limitMs ? this.lateSamples + 1 : 0;
    if (this.histogram.count > 0) this.longest.record(Math.max(0, this.histogram.max / 1e6 - RESOLUTION_MS) / 1000);
    this.histogram.reset();
  }
}
