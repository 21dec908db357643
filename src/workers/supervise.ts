import type { Config } from '../config/config.js';
import { within } from '../domain/within.js';
import type { Metric } from '../plugins/metrics/metric.js';
import { checkAddress } from './check-address.js';
import { KnownMetrics } from './known-metrics.js';
import { LEVELS, type Log, openLog } from './log.js';
import type { FromWorker } from './messages.js';
import { type Sender, Slot } from './slot.js';

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
  /** The workers that have not answered yet, and those that have. */
  missing: Set<number>;
  fresh: Set<number>;
  done: () => void;
}

class Supervisor {
  private readonly slots: Slot[];
  private readonly known = new KnownMetrics();
  private readonly gatherings = new Map<number, Gathering>();
  private gathered = 0;
  private failures = 0;
  private isEnding = false;
  private isReplacing = false;
  /** SIGHUP came since the last replacement began. */
  private isReplacementDue = false;

  constructor(
    count: number,
    private readonly log: Log,
  ) {
    const events = {
      received: (message: FromWorker, sender: Sender) => void this.receive(message, sender),
      ended: (worker: number) => this.ended(worker),
      died: (wasReady: boolean) => this.died(wasReady),
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

  /** A signal that comes meanwhile is not lost: the settings may have changed again. */
  private async replace(): Promise<void> {
    this.isReplacementDue = true;
    if (this.isReplacing) return;
    this.isReplacing = true;
    while (this.isReplacementDue && !this.isEnding) {
      this.isReplacementDue = false;
      await this.replaceAll();
    }
    this.isReplacing = false;
  }

  private async replaceAll(): Promise<void> {
    this.log('replacing the workers', { workers: this.slots.length });
    for (const slot of this.slots) {
      if (this.isEnding || (await slot.replace())) continue;
      if (!this.isEnding) this.log('a new worker could not start, so the others stay', {}, LEVELS.error);
      return;
    }
  }

  private async end(reason: string, code: number): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    this.log('draining', { signal: reason });
    await Promise.all(this.slots.map((slot) => slot.end()));
    process.exit(code);
  }

  private async receive(message: FromWorker, sender: Sender): Promise<void> {
    if (message.type === 'gather') sender.send({ type: 'gathered', id: message.id, metrics: await this.gather() });
    else if (message.type === 'last') this.known.add(sender.id, message.metrics);
    else if (message.type === 'metrics') {
      this.known.add(sender.id, message.metrics);
      const gathering = this.gatherings.get(message.id);
      gathering?.fresh.add(sender.id);
      if (gathering) settle(gathering, sender.id);
    }
  }

  private ended(worker: number): void {
    this.known.end(worker);
    for (const gathering of this.gatherings.values()) settle(gathering, worker);
  }

  /** The metrics of all workers, and what is known of those that do not answer in time or have ended. */
  private async gather(): Promise<Metric[][]> {
    this.gathered += 1;
    const id = this.gathered;
    const fresh = new Set<number>();
    const all = new Promise<void>((done) => {
      const missing = new Set(this.slots.flatMap((slot) => slot.send({ type: 'metrics', id }) ?? []));
      if (missing.size === 0) done();
      else this.gatherings.set(id, { missing, fresh, done });
    });
    await within(METRICS_MS, all);
    this.gatherings.delete(id);
    return this.known.all(fresh);
  }
}

/** The gathering waits for this worker no more. */
function settle({ missing, done }: Gathering, worker: number): void {
  missing.delete(worker);
  if (missing.size === 0) done();
}
