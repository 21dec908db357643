import type { Config } from '../config/config.js';
import { within } from '../domain/within.js';
import type { Metric } from '../plugins/metrics/metric.js';
import { checkAddress } from './check-address.js';
import { type Log, openLog } from './log.js';
import type { FromWorker } from './messages.js';
import { Slot } from './slot.js';

/** Workers that may end one after the other before they are ready, while none is. Then the service ends. */
const MOST_FAILURES = 5;
/** How long a worker's metrics may take, in milliseconds. */
const METRICS_MS = 1500;

/**
 * Runs several processes of the service on one port. The kernel hands connections to this process, which hands them to the workers in turn.
 * SIGTERM and SIGINT end all; SIGHUP replaces the workers one after the other.
 * @throws as listening does, when the address is not available
 */
export async function supervise(config: Config): Promise<void> {
  await checkAddress(config);
  new Supervisor(config.workers, openLog(config.logLevel)).start();
}

interface Gathering {
  metrics: Metric[][];
  missing: number;
  done: () => void;
}

class Supervisor {
  private readonly slots: Slot[];
  private readonly gatherings = new Map<number, Gathering>();
  private gathered = 0;
  private failures = 0;
  private isEnding = false;
  private isReplacing = false;

  constructor(
    count: number,
    private readonly log: Log,
  ) {
    const events = {
      received: (message: FromWorker, slot: Slot) => void this.receive(message, slot),
      died: (_slot: Slot, wasReady: boolean) => this.died(wasReady),
    };
    this.slots = Array.from({ length: count }, (_, index) => new Slot(index + 1, log, events));
  }

  start(): void {
    for (const slot of this.slots) void slot.fill();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.end(signal, 0));
    process.on('SIGHUP', () => void this.replace());
  }

  /** A worker has told why on standard error. */
  private died(wasReady: boolean): void {
    this.failures = wasReady || this.slots.some(({ isReady }) => isReady) ? 0 : this.failures + 1;
    if (this.failures < MOST_FAILURES || this.isEnding) return;
    process.stderr.write(
      `The service could not start: ${this.failures} workers ended before they were ready; why is written above.\n`,
    );
    void this.end('failures', 1);
  }

  private async replace(): Promise<void> {
    if (this.isReplacing || this.isEnding) return;
    this.isReplacing = true;
    this.log('replacing the workers', { workers: this.slots.length });
    for (const slot of this.slots) {
      if (this.isEnding) break;
      if (await slot.fill()) continue;
      this.log('a new worker could not start, so the others stay', {}, 50);
      break;
    }
    this.isReplacing = false;
  }

  private async end(reason: string, code: number): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    this.log('draining', { signal: reason });
    await Promise.all(this.slots.map((slot) => slot.end()));
    process.exit(code);
  }

  private async receive(message: FromWorker, from: Slot): Promise<void> {
    if (message.type === 'metrics') {
      const gathering = this.gatherings.get(message.id);
      gathering?.metrics.push(message.metrics);
      if (gathering && gathering.metrics.length >= gathering.missing) gathering.done();
    } else if (message.type === 'gather') from.send({ type: 'gathered', id: message.id, metrics: await this.gather() });
  }

  /** The metrics of all workers that answer in time. */
  private async gather(): Promise<Metric[][]> {
    this.gathered += 1;
    const id = this.gathered;
    const metrics: Metric[][] = [];
    const all = new Promise<void>((done) => {
      const missing = this.slots.filter((slot) => slot.send({ type: 'metrics', id })).length;
      if (missing === 0) done();
      else this.gatherings.set(id, { metrics, missing, done });
    });
    await within(METRICS_MS, all);
    this.gatherings.delete(id);
    return metrics;
  }
}
