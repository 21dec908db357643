import cluster, { type Worker } from 'node:cluster';
import { LEVELS, type Log } from './log.js';
import { type FromWorker, isMessage, type ToWorker } from './messages.js';

/** The worker that a message came from. */
export interface Sender {
  /** No other worker has had it. */
  readonly id: number;
  send(message: ToWorker): void;
}

export interface SlotEvents {
  /** A message other than `ready`. */
  received(message: FromWorker, sender: Sender): void;
  /** A worker has ended, for whatever reason. */
  ended(worker: number): void;
  /** The slot is empty because its worker ended by itself. It is filled again. */
  died(wasReady: boolean): void;
}

/** A worker that dies within so long of the last one of its slot is started again only after a pause. Milliseconds. */
const QUICK_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** How long a worker that was told to end may take. Longer than its own drain. */
const END_MS = 12_000;

/** The place of one worker, which is filled again whenever it is empty. */
export class Slot {
  /** The worker that answers requests. */
  private current: Worker | undefined;
  /** A worker that is not ready yet, of which there is one at most. */
  private newcomer: Worker | undefined;
  /** Whether the last newcomer became ready. */
  private outcome: Promise<boolean> = Promise.resolve(false);
  /** All that live: also those that retire. */
  private readonly alive = new Set<Worker>();
  /** Those that were told to end. */
  private readonly told = new Set<Worker>();
  private isEnding = false;
  private diedAt = Number.NEGATIVE_INFINITY;
  private pauseMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param number from 1, which the metrics have as a label */
  constructor(
    private readonly number: number,
    private readonly log: Log,
    private readonly events: SlotEvents,
  ) {}

  get isReady(): boolean {
    return this.current !== undefined;
  }

  /** Starts a worker. Resolves to whether it became ready. One that starts already is not joined by another. */
  fill(): Promise<boolean> {
    clearTimeout(this.timer);
    if (this.isEnding) return Promise.resolve(false);
    if (!this.newcomer) this.outcome = this.launch();
    return this.outcome;
  }

  /** Puts a new worker in the place of the one that is there, and resolves when that has ended. False if the new one did not start. */
  async replace(): Promise<boolean> {
    // One that starts already may have read the settings of before.
    await this.outcome;
    const former = this.current;
    if (!(await this.fill())) return false;
    if (former) await ended(former);
    return true;
  }

  /** The id of the worker that the message went to; undefined when there is none that is ready. */
  send(message: ToWorker): number | undefined {
    if (!this.current?.isConnected()) return undefined;
    send(this.current, message);
    return this.current.id;
  }

  /** Ends its workers as SIGTERM does, and resolves when they have ended. */
  async end(): Promise<void> {
    this.isEnding = true;
    clearTimeout(this.timer);
    const workers = [...this.alive];
    for (const worker of workers) this.tellToEnd(worker);
    await Promise.all(workers.map(ended));
  }

  private launch(): Promise<boolean> {
    const worker = this.fork();
    if (!worker) {
      this.refill(false);
      return Promise.resolve(false);
    }
    this.newcomer = worker;
    this.alive.add(worker);
    return new Promise((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (!isMessage(message)) return;
        if (message.type === 'ready') {
          this.welcome(worker);
          resolve(true);
        } else this.events.received(message, { id: worker.id, send: (answer) => send(worker, answer) });
      });
      worker.once('exit', (code, signal) => {
        this.miss(worker, { code, signal });
        resolve(false);
      });
    });
  }

  /** Undefined when the system has no room for another process. */
  private fork(): Worker | undefined {
    cluster.setupPrimary({ args: [String(this.number)] });
    let reason: unknown;
    try {
      const worker = cluster.fork();
      // Messages fail while a worker dies, Node.js' own among them; its exit is what counts.
      worker.on('error', (error: Error) =>
        this.log('could not reach a worker', { reason: error.message }, LEVELS.debug),
      );
      if (worker.process.pid !== undefined) return worker;
    } catch (error) {
      reason = error instanceof Error ? error.message : error;
    }
    this.log('could not start a worker', { worker: this.number, reason }, LEVELS.error);
    return undefined;
  }

  /** The newcomer answers requests: the worker before it retires. */
  private welcome(worker: Worker): void {
    const former = this.current;
    this.current = worker;
    this.newcomer = undefined;
    this.log('worker is ready', { worker: this.number, process: worker.process.pid });
    if (!former) return;
    this.told.add(former);
    send(former, { type: 'retire' });
  }

  /** A worker has ended. */
  private miss(worker: Worker, how: object): void {
    const wasReady = this.current === worker;
    if (wasReady) this.current = undefined;
    if (this.newcomer === worker) this.newcomer = undefined;
    this.alive.delete(worker);
    this.events.ended(worker.id);
    if (this.told.delete(worker)) return;
    this.log('worker ended by itself', { worker: this.number, process: worker.process.pid, ...how }, LEVELS.error);
    // If another is there, or on its way, it has the place already.
    if (!this.current && !this.newcomer) this.refill(wasReady);
  }

  private refill(wasReady: boolean): void {
    const now = performance.now();
    const isQuick = now - this.diedAt < QUICK_MS;
    this.pauseMs = isQuick ? Math.min(Math.max(FIRST_PAUSE_MS, 2 * this.pauseMs), LONGEST_PAUSE_MS) : 0;
    this.diedAt = now + this.pauseMs;
    this.timer = setTimeout(() => void this.fill(), this.pauseMs);
    this.events.died(wasReady);
  }

  /**
   * By a message, since a terminal sends its signals to all processes, and a worker takes a second signal for impatience. One that is not ready has
   * nothing to bring to an end.
   */
  private tellToEnd(worker: Worker): void {
    if (this.told.has(worker)) return;
    this.told.add(worker);
    if (worker === this.newcomer) worker.process.kill('SIGTERM');
    else send(worker, { type: 'end' });
  }
}

/** A worker without a connection is about to end. */
function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message);
}

/** Resolves when the worker has ended, and kills it if it does not in time. */
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
