import type { StreamEnd, StreamSink } from '../../src/delivery/stream-sink.js';
import type { ChatEvent } from '../../src/domain/log/chat-events.js';
import type { Cursor } from '../../src/domain/log/cursor.js';

/** A stream's consumer that records its calls, and can wait for them. */
export class Recorder implements StreamSink {
  readonly events: ChatEvent[] = [];
  readonly lives: Cursor[] = [];
  readonly resets: Cursor[] = [];
  ended: StreamEnd | undefined;
  private readonly waiting = new Set<() => void>();

  /** @param capacity how many events it takes before it is full */
  constructor(public capacity = Number.POSITIVE_INFINITY) {}

  deliver(events: readonly ChatEvent[]): boolean {
    this.events.push(...events);
    this.capacity -= events.length;
    this.notify();
    return this.capacity > 0;
  }

  live(cursor: Cursor): void {
    this.lives.push(cursor);
    this.notify();
  }

  reset(cursor: Cursor): void {
    this.resets.push(cursor);
    this.notify();
  }

  end(reason: StreamEnd): void {
    this.ended = reason;
    this.notify();
  }

  /** What it recorded stays as it was delivered. */
  get holdsEvents(): boolean {
    return false;
  }

  replace(): void {}

  get seqs(): number[] {
    return this.events.map((event) => event.seq);
  }

  /** Resolves when `condition` holds. It is checked now and after every call. */
  until(condition: (heard: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition(this)) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }

  private notify(): void {
    for (const check of [...this.waiting]) check();
  }
}

/** first, first + 1, …, last */
export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
