import type { StreamEnd, StreamSink } from '../../src/delivery/chat-stream.js';
import type { ChatEvent } from '../../src/domain/chat-events.js';
import type { Cursor } from '../../src/domain/cursor.js';

/** A consumer that writes down what it hears, and waits for what it is to hear. */
export class Recorder implements StreamSink {
  readonly events: ChatEvent[] = [];
  readonly lives: Cursor[] = [];
  readonly resets: Cursor[] = [];
  ended: StreamEnd | undefined;
  private readonly waiting = new Set<() => void>();

  /** `capacity`: how many changes it takes before it says "enough". */
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

  get seqs(): number[] {
    return this.events.map((event) => event.seq);
  }

  /** Resolves when `condition` holds, which is asked again after everything that is heard. */
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
