import type { Writable } from 'node:stream';
import type { Rounds, Writer } from '../../delivery/rounds.js';
import { plainDescriptor, tryWrite } from './try-write.js';

/** Unsent bytes at which a connection has enough. */
const FULL_BYTES = 1024 * 1024;
/** Unsent bytes at which it has room again. */
const ROOM_BYTES = FULL_BYTES / 2;
/** The most that one write takes. A write that ends is how we see that the peer reads. */
const WRITE_BYTES = 64 * 1024;

/** The frames that wait for one connection, in their order. One write is under way at a time; the rest joins the next. */
export class Outbox implements Writer {
  private readonly fd: number | undefined;
  /** The frame that is next. Mostly it is the only one, and then there is no list to make. */
  private next: Buffer | undefined;
  private rest: Buffer[] = [];
  private waitingBytes = 0;
  private writingBytes = 0;
  private writingSince = 0;
  private isDue = false;
  private full = false;

  /** `onRoom` is called when a full outbox has room again. */
  constructor(
    private readonly connection: Writable,
    private readonly rounds: Rounds,
    private readonly onRoom: () => void,
  ) {
    this.fd = plainDescriptor(connection);
  }

  /** Bytes that the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.waitingBytes + this.writingBytes;
  }

  get hasRoom(): boolean {
    return !this.full;
  }

  /** Takes a frame, also into a full outbox. */
  push(frame: Buffer): void {
    if (this.next) this.rest.push(frame);
    else this.next = frame;
    this.waitingBytes += frame.length;
    if (this.unsentBytes >= FULL_BYTES) this.full = true;
    if (this.isDue || this.writingBytes > 0) return;
    this.isDue = true;
    this.rounds.addWriter(this);
  }

  /** Starts the next write, unless one is under way. */
  flush(): void {
    this.isDue = false;
    if (this.writingBytes === 0) this.write(this.take(WRITE_BYTES));
  }

  /** Hands everything to the connection, so that what is written past the outbox comes after it. */
  flushAll(): void {
    this.write(this.take(Number.POSITIVE_INFINITY));
  }

  /** Forgets the frames that no write has taken. */
  clear(): void {
    this.next = undefined;
    this.rest = [];
    this.waitingBytes = 0;
  }

  /** True when the outbox is full and the write under way has not ended for `limitMs`. */
  isStalled(now: number, limitMs: number): boolean {
    return this.full && this.writingBytes > 0 && now - this.writingSince >= limitMs;
  }

  /** As many frames as are within the limit, or the next one, however large it is. */
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
      this.goOn();
      return;
    }
    const rest = bytes.subarray(taken);
    this.writingBytes += rest.length;
    this.writingSince = performance.now();
    connection.write(rest, (error) => this.written(rest.length, error));
  }

  private written(bytes: number, error?: Error | null): void {
    this.writingBytes -= bytes;
    // The connection is lost, which Node does not always call an error of the write; its `close` tells everybody.
    if (!error && !this.connection.destroyed) this.goOn();
  }

  /** After a write. */
  private goOn(): void {
    if (this.full && this.unsentBytes <= ROOM_BYTES) {
      this.full = false;
      this.onRoom();
    }
    if (!this.isDue) this.flush();
  }
}
