import type { Writable } from 'node:stream';
import type { FlushScheduler, Writer } from '../../delivery/flush-scheduler.js';
import { plainDescriptor, tryWrite } from './try-write.js';
import type { UnsentBytes } from './unsent-bytes.js';

/** Unsent bytes at which an outbox is full. It has room again at half of them. */
const FULL_BYTES = 1024 * 1024;
/** The same while a budget, of the user or of the process, is exceeded. */
const OVER_BUDGET_FULL_BYTES = 64 * 1024;
/** Unsent bytes above which an outbox is overfull: a full one still accepts answers. */
const MOST_BYTES = 20 * 1024 * 1024;
/** The longest write. The end of a write shows that the peer reads. */
const WRITE_BYTES = 64 * 1024;

/** The bounded queue of frames for one connection. One write is under way at a time; frames pushed meanwhile join the next. */
export class Outbox implements Writer {
  private readonly fd: number | undefined;
  /** The next frame. Usually it is the only one, and no list is allocated. */
  private next: Buffer | undefined;
  private rest: Buffer[] = [];
  private waitingBytes = 0;
  private writingBytes = 0;
  private writingSince = 0;
  private isDue = false;
  private full = false;
  private budgets: readonly UnsentBytes[] = [];
  /** This outbox's bytes in each budget. */
  private counted = 0;

  /** `onRoom` is called when a full outbox has room again. */
  constructor(
    private readonly connection: Writable,
    private readonly flushScheduler: FlushScheduler,
    private readonly onRoom: () => void,
  ) {
    this.fd = plainDescriptor(connection);
  }

  /** Counts the unsent bytes in these budgets instead of the previous ones. */
  setBudgets(budgets: readonly UnsentBytes[]): void {
    this.count(0);
    this.budgets = budgets;
    this.count(this.unsentBytes);
  }

  /** True when the unsent bytes exceed every allowance: the socket has to be closed. */
  get isOverfull(): boolean {
    return this.unsentBytes > (this.isOverBudget ? 2 * FULL_BYTES : MOST_BYTES);
  }

  /** Bytes that the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.waitingBytes + this.writingBytes;
  }

  get hasRoom(): boolean {
    return !this.full;
  }

  /** Queues a frame, even when the outbox is full. */
  push(frame: Buffer): void {
    if (this.next) this.rest.push(frame);
    else this.next = frame;
    this.waitingBytes += frame.length;
    if (this.writingBytes > 0) {
      this.count(this.unsentBytes);
      if (this.unsentBytes >= this.fullBytes) this.full = true;
      return;
    }
    if (this.unsentBytes >= FULL_BYTES) this.full = true;
    if (this.isDue) return;
    this.isDue = true;
    this.flushScheduler.addWriter(this);
  }

  /** Starts the next write, unless one is under way. */
  flush(): void {
    this.isDue = false;
    if (this.writingBytes === 0) this.write(this.take(WRITE_BYTES));
  }

  /** Writes everything to the connection, so that direct writes come after it. */
  flushAll(): void {
    this.write(this.take(Number.POSITIVE_INFINITY));
  }

  /** Drops the frames that are not being written yet. */
  clear(): void {
    this.next = undefined;
    this.rest = [];
    this.waitingBytes = 0;
    this.count(this.writingBytes);
  }

  /** Call when the connection is closed. Drops the queue and releases its bytes from the budgets. */
  close(): void {
    this.clear();
    this.setBudgets([]);
  }

  private get isOverBudget(): boolean {
    return this.budgets.some((budget) => budget.isExceeded);
  }

  private get fullBytes(): number {
    return this.isOverBudget ? OVER_BUDGET_FULL_BYTES : FULL_BYTES;
  }

  private count(bytes: number): void {
    if (bytes === this.counted) return;
    for (const budget of this.budgets) budget.add(bytes - this.counted);
    this.counted = bytes;
  }

  /** True when the outbox is full and the current write has lasted `limitMs`. */
  isStalled(now: number, limitMs: number): boolean {
    return this.full && this.writingBytes > 0 && now - this.writingSince >= limitMs;
  }

  /** Removes and joins as many frames as fit into `limitBytes`, at least one. */
  private take(limitBytes: number): Buffer | undefined {
    const { next, rest } = this;
    this.next = undefined;
    if (!next || rest.length === 0) return next;
    this.rest = [];
    if (this.waitingBytes <= limitBytes) return Buffer.concat([next, ...rest]);
    let bytes = next.length;
    const end = rest.findIndex((frame) => {
      bytes += frame.length;
      return bytes > limitBytes;
    });
    this.next = rest[end];
    this.rest = rest.slice(end + 1);
    return Buffer.concat([next, ...rest.slice(0, end)]);
  }

  private write(bytes: Buffer | undefined): void {
    if (!bytes) return;
    const { connection, fd } = this;
    this.waitingBytes -= bytes.length;
    const taken = fd === undefined ? 0 : tryWrite(connection, fd, bytes);
    if (taken === bytes.length) {
      this.afterWrite();
      return;
    }
    const rest = bytes.subarray(taken);
    this.writingBytes += rest.length;
    this.writingSince = performance.now();
    connection.write(rest, (error) => this.written(rest.length, error));
    this.count(this.unsentBytes);
  }

  private written(bytes: number, error?: Error | null): void {
    this.writingBytes -= bytes;
    this.count(this.writingBytes === 0 ? 0 : this.unsentBytes);
    // A lost connection does not always fail the write; its `close` event follows.
    if (!error && !this.connection.destroyed) this.afterWrite();
  }

  private afterWrite(): void {
    if (this.full && this.unsentBytes <= this.fullBytes / 2) {
      this.full = false;
      this.onRoom();
    }
    if (!this.isDue) this.flush();
  }
}
