export interface BatcherOptions {
  /** How many items one batch holds at most. */
  maxBatch: number;
  /** How many items may wait for the next batch; one more is refused. */
  maxWaiting: number;
  /** How long an item may take from its arrival, in milliseconds; then its caller is answered without it. */
  deadlineMs: number;
  /** The error for an item that finds the queue full. */
  overloaded: () => Error;
  /** The error for an item that was not answered in time: whether it was dealt with is unknown. */
  late: () => Error;
  /** True when an error says that nothing was done for a batch because of what is in it. */
  isRefusal: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  item: Item;
  arrivedAt: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
  answered: boolean;
}

/** Resolves when what arrived in this turn of the event loop has been dealt with. */
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Gathers items into batches without a timer: those that arrive in one turn of the event loop leave together, and while one
 * batch is on its way, items wait for the next. A lone item leaves at the end of its turn, a crowd shares one statement and
 * one COMMIT, and items leave in the order they came.
 */
export class Batcher<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  /** The batch that is on its way. */
  private underWay: Waiting<Item, Result>[] = [];
  private busy = false;
  private readonly idle: (() => void)[] = [];
  private deadlineTimer: NodeJS.Timeout | undefined;

  /** `ask` answers for each item of the batch, in its order, or throws when nothing is known of any of them. */
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

  /** Resolves when nothing waits and nothing is on its way. */
  drain(): Promise<void> {
    if (!this.busy && this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private async askForWaiting(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length > 0) {
      await endOfTurn();
      this.underWay = this.waiting.splice(0, this.options.maxBatch);
      // Those that waited may have been answered as late meanwhile.
      if (this.underWay.length > 0) await this.send(this.underWay);
      this.underWay = [];
    }
    this.busy = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private async send(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.ask(batch.map((entry) => entry.item));
      for (const [index, entry] of batch.entries()) {
        const result = results[index];
        if (result === undefined) this.fail(entry, new Error('The batch came back too short.'));
        else if (!entry.answered) {
          entry.answered = true;
          entry.resolve(result);
        }
      }
    } catch (error) {
      // One bad item fails alone: each of its batch is asked for again by itself.
      if (batch.length > 1 && this.options.isRefusal(error)) for (const entry of batch) await this.send([entry]);
      else for (const entry of batch) this.fail(entry, error);
    }
  }

  private fail(entry: Waiting<Item, Result>, error: unknown): void {
    if (entry.answered) return;
    entry.answered = true;
    entry.reject(error);
  }

  /** One timer for all: entries are in the order of their arrival, so the first one is the next that can be late. */
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
