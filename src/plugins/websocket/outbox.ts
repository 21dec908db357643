import type { Writable } from 'node:stream';
import type { Rounds, Writer } from '../../delivery/rounds.js';

/** Unsent bytes at which a connection has enough. */
const FULL_BYTES = 1024 * 1024;
/** Unsent bytes at which it has room again. */
const ROOM_BYTES = FULL_BYTES / 2;
/** The most that one write takes. A write that ends is how we see that the peer reads. */
const WRITE_BYTES = 64 * 1024;
/** Its write ends when the one before it has. */
const NOTHING = Buffer.alloc(0);

/** The frames that wait for one connection, in their order. One write is under way at a time; the rest joins the next. */
export class Outbox implements Writer {
  wroteAt = Number.NEGATIVE_INFINITY;

  private frames: Buffer[] = [];
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
  ) {}

  /** Bytes that the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.waitingBytes + this.writingBytes;
  }

  get hasRoom(): boolean {
    return !this.full;
  }

  /** Takes a frame, also into a full outbox. */
  push(frame: Buffer): void {
    this.frames.push(frame);
    this.waitingBytes += frame.length;
    if (this.unsentBytes >= FULL_BYTES) this.full = true;
    if (this.isDue || this.writingBytes > 0) return;
    this.isDue = true;
    this.rounds.addWriter(this);
  }

  /** Starts the next write, unless one is under way. */
  flush(): void {
    this.isDue = false;
    if (this.writingBytes > 0 || this.frames.length === 0) return;
    this.write(this.nextFrames());
  }

  /** Hands everything to the connection, so that what is written past the outbox comes after it. */
  flushAll(): void {
    if (this.frames.length === 0) return;
    const frames = this.frames;
    this.frames = [];
    this.write(frames);
  }

  /** Forgets the frames that no write has taken. */
  clear(): void {
    this.frames = [];
    this.waitingBytes = 0;
  }

  /** True when the outbox is full and the write under way has not ended for `limitMs`. */
  isStalled(now: number, limitMs: number): boolean {
    return this.full && this.writingBytes > 0 && now - this.writingSince >= limitMs;
  }

  private nextFrames(): Buffer[] {
    if (this.waitingBytes <= WRITE_BYTES) {
      const all = this.frames;
      this.frames = [];
      return all;
    }
    let bytes = 0;
    // At least one, however large it is.
    const end = this.frames.findIndex((frame, index) => {
      bytes += frame.length;
      return index > 0 && bytes > WRITE_BYTES;
    });
    return this.frames.splice(0, end === -1 ? this.frames.length : end);
  }

  private write(frames: Buffer[]): void {
    const { connection } = this;
    const [first] = frames;
    // Mostly it is one, and the same for all sockets of a chat.
    const bytes = first && frames.length === 1 ? first : Buffer.concat(frames);
    this.waitingBytes -= bytes.length;
    this.writingBytes += bytes.length;
    connection.write(bytes);
    // Mostly the operating system has taken all of it by now, and a callback would only cost its closure and a tick.
    if (connection.writableLength === 0) {
      this.written(bytes.length);
    } else {
      this.writingSince = performance.now();
      connection.write(NOTHING, (error) => this.written(bytes.length, error));
    }
  }

  private written(bytes: number, error?: Error | null): void {
    this.writingBytes -= bytes;
    // The connection is lost, which Node does not always call an error of the write; its `close` tells everybody.
    if (error || this.connection.destroyed) return;
    if (this.full && this.unsentBytes <= ROOM_BYTES) {
      this.full = false;
      this.onRoom();
    }
    if (!this.isDue) this.flush();
  }
}
