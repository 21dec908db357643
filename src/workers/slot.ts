import cluster, { type Worker } from 'node:cluster';
import type { Log } from './log.js';
import { type FromWorker, isMessage, type ToWorker } from './messages.js';

export interface SlotEvents {
  /** A message other than `ready`. */
  received(message: FromWorker, slot: Slot): void;
  /** A worker of this slot ended that nobody ended. */
  died(slot: Slot, wasReady: boolean): void;
}

/** A worker that dies within so long of the last one of its slot is started again only after a pause. Milliseconds. */
const QUICK_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** How long a worker that was told to end may take. Longer than its own drain. */
const END_MS = 12_000;

/** The place of one worker, which is filled again whenever it is empty. */
export class Slot {
  private worker: Worker | undefined;
  private readonly ending = new Set<Worker>();
  private diedAt = Number.NEGATIVE_INFINITY;
  private pauseMs = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Whether its worker answers requests. */
  isReady = false;

  /** @param number from 1, which the metrics have as a label */
  constructor(
    private readonly number: number,
    private readonly log: Log,
    private readonly events: SlotEvents,
  ) {}

  /** Resolves to whether the new worker became ready. It takes the place of the one that is there, which then retires. */
  async fill(): Promise<boolean> {
    const former = this.worker;
    cluster.setupPrimary({ args: [String(this.number)] });
    const worker = cluster.fork();
    if (!former) this.worker = worker;
    const isReady = await this.start(worker, former);
    if (!isReady) return false;
    this.log('worker is ready', { worker: this.number, process: worker.process.pid });
    if (former) await this.retire(former);
    return true;
  }

  send(message: ToWorker): boolean {
    return this.isReady && this.worker?.isConnected() === true && this.worker.send(message);
  }

  /** Ends its workers as SIGTERM does, and resolves when they have ended. */
  async end(): Promise<void> {
    clearTimeout(this.timer);
    const workers = [...(this.worker ? [this.worker] : []), ...this.ending];
    for (const worker of workers) {
      this.ending.add(worker);
      worker.process.kill('SIGTERM');
    }
    await Promise.all(workers.map(ended));
  }

  private start(worker: Worker, former: Worker | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (!isMessage(message)) return;
        if (message.type === 'ready') {
          this.worker = worker;
          this.isReady = true;
          resolve(true);
        } else this.events.received(message, this);
      });
      worker.once('exit', (code, signal) => {
        const wasWanted = this.ending.delete(worker);
        const wasReady = this.isReady && this.worker === worker;
        if (this.worker === worker) {
          this.worker = undefined;
          this.isReady = false;
        }
        if (!wasWanted)
          this.log('worker ended by itself', { worker: this.number, process: worker.process.pid, code, signal }, 50);
        // A replacement that fails leaves the former one where it is.
        if (!wasWanted && !former) this.refill(wasReady);
        else if (!wasWanted && wasReady) this.refill(true);
        resolve(false);
      });
    });
  }

  private refill(wasReady: boolean): void {
    const now = performance.now();
    const isQuick = now - this.diedAt < QUICK_MS;
    this.pauseMs = isQuick ? Math.min(Math.max(FIRST_PAUSE_MS, 2 * this.pauseMs), LONGEST_PAUSE_MS) : 0;
    this.diedAt = now + this.pauseMs;
    this.events.died(this, wasReady);
    this.timer = setTimeout(() => void this.fill(), this.pauseMs);
  }

  private async retire(worker: Worker): Promise<void> {
    this.ending.add(worker);
    if (worker.isConnected()) worker.send({ type: 'retire' } satisfies ToWorker);
    await ended(worker);
  }
}

/** Kills a worker that does not end in time. */
function ended(worker: Worker): Promise<void> {
  if (worker.isDead()) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), END_MS);
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
