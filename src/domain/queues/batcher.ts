import { setTimeout as sleep } from 'node:timers/promises';

export interface BatcherOptions {
  /** How many items one batch holds at most. */
  maxBatch: number;
  /** How many items may wait for the next batch; one more is refused. */
  maxWaiting: number;
  /**
   * The least time from the beginning of a batch to that of the next, unless that one is full, in milliseconds: what comes meanwhile leaves
   * together. Default: none.
   */
  paceMs?: number;
  /** How long a caller waits for its item's result, in milliseconds. */
  deadlineMs: number;
  /** The error when the queue is full. */
  overloaded: () => Error;
  /** The error after the deadline. Whether the item was processed is unknown then. */
  late: () => Error;
  /** True when an item of the batch caused the error and nothing was done. Each item is then tried alone. */
  isRefusal: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  item: Item;
  arrivedAt: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
  answered: boolean;
}

/** Resolves after the current turn of the event loop. */
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Gathers items into batches, without a timer unless it has a pace. Items that arrive in one turn of the event loop leave together; items
 * that arrive while a batch is under way wait for the next one. Items leave in the order of their arrival.
 */
export class Batcher<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private underWay: Waiting<Item, Result>[] = [];
  private busy = false;
  /** When the last batch began, by `performance.now()`. */
  private begunAt = Number.NEGATIVE_INFINITY;
  private readonly idle: (() => void)[] = [];
  private deadlineTimer: NodeJS.Timeout | undefined;

  /** @param ask resolves to one result per item, in the same order */
  constructor(
    private readonly ask: (batch: readonly Item[]) => Promise<readonly Result[]>,
    private readonly options: BatcherOptions,
  ) {}

  add(item: Item): Promise<Result> {
    if (this.waiting.length >= this.options.maxWaiting) return Promise.reject(this.options.overloaded());
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, arrivedAt: performance.now(), resolve, reject, answered: false });
      this.watchDeadline();
      void this.askForWaiting();
    });
  }

  /** Resolves when no item waits and no batch is under way. */
  drain(): Promise<void> {
    if (!this.busy && this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private async askForWaiting(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length > 0) {
      await endOfTurn();
      if (this.options.paceMs && this.waiting.length < this.options.maxBatch) await this.keepPace(this.options.paceMs);
      this.underWay = this.waiting.splice(0, this.options.maxBatch);
      // The deadline may have emptied the queue meanwhile.
      if (this.underWay.length > 0) await this.send(this.underWay);
      this.underWay = [];
    }
    this.busy = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private async keepPace(paceMs: number): Promise<void> {
    const waitMs = this.begunAt + paceMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    this.begunAt = performance.now();
  }

  private async send(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.ask(batch.map((entry) => entry.item));
      for (const [index, entry] of batch.entries()) {
        const result = results[index];
        if (result === undefined) this.fail(entry, new Error('The batch has fewer results than items.'));
        else if (!entry.answered) {
          entry.answered = true;
          entry.resolve(result);
        }
      }
    } catch (error) {
      // A bad item must fail alone.
      if (batch.length > 1 && this.options.isRefusal(error)) for (const entry of batch) await this.send([entry]);
      else for (const entry of batch) this.fail(entry, error);
    }
  }

  private fail(entry: Waiting<Item, Result>, error: unknown): void {
    if (entry.answered) return;
    entry.answered = true;
    entry.reject(error);
  }

  /** One timer serves all entries: they are in the order of their arrival, so the first one reaches its deadline first. */
  private watchDeadline(): void {
    if (this.deadlineTimer) return;
    const first = this.underWay.find((entry) => !entry.answered) ?? this.waiting[0];
    if (!first) return;
    const wait = Math.max(0, first.arrivedAt + this.options.deadlineMs - performance.now());
    this.deadlineTimer = setTimeout(() => {
      this.deadlineTimer = undefined;
      this.rejectLate();
      this.watchDeadline();
    }, wait).unref();
  }

  private rejectLate(): void {
    const latest = performance.now() - this.options.deadlineMs;
    const isLate = (entry: Waiting<Item, Result>) => entry.arrivedAt <= latest;
    for (const entry of [...this.underWay, ...this.waiting]) if (isLate(entry)) this.fail(entry, this.options.late());
    this.waiting = this.waiting.filter((entry) => !isLate(entry));
  }
}
