import type { StreamSink } from '../../../src/delivery/stream-sink.js';
import { DomainError } from '../../../src/domain/errors.js';
import { type ChatEvent, messageOf } from '../../../src/domain/log/chat-events.js';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { Cursor } from '../../../src/domain/log/cursor.js';
import { StreamIterator } from '../../../src/graphql/streams/stream-iterator.js';
import { revisionOf } from './held-by.js';
import { ageOf, type ModelLog } from './model-log.js';

/** A plain throw: `expect` would take most of the time here. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A consumer that has room for `capacity` changes until it is told to read on. Whatever is against the rules it throws. */
export class ModelConsumer implements StreamSink {
  /** How many changes it had of this history. */
  seen = 0;
  lives = 0;
  ended: string | undefined;
  /** The newest number when its viewer was admitted. */
  admittedSeq = 0;
  /** Called in the middle of a delivery, as a consumer would be that closes its stream there. */
  onEvent = () => {};
  private epoch: string;
  private start: number;
  /** The viewer's own removal has been heard: nothing may follow. */
  private removed = false;
  private room: number;
  /** The messages as they were shown last, by number. */
  private readonly view = new Map<number, ChatMessage>();

  constructor(
    after: Cursor,
    private readonly capacity: number,
    private readonly log: ModelLog,
  ) {
    this.epoch = after.epoch;
    this.start = after.seq;
    this.room = capacity;
  }

  deliver(events: readonly ChatEvent[]): boolean {
    for (const event of events) {
      this.hear(event);
      // Who closes the stream in the middle does not listen to the rest.
      if (this.ended === 'left') break;
    }
    return this.room > 0;
  }

  /** It holds nothing. */
  readonly holdsEvents = false;
  replace(): void {}

  hear(event: ChatEvent): void {
    must(this.ended === undefined && !this.removed, 'nothing after the end');
    must(event.epoch === this.epoch, 'one history at a time');
    this.seen += 1;
    // What is heard of a history that was replaced is void, and a reset is on its way.
    if (this.epoch === this.log.epoch) must(event.seq === this.start + this.seen, 'no hole, repetition or swap');
    this.removed = event.type === 'member.removed' && event.seq > this.admittedSeq;
    this.room -= 1;
    this.see(messageOf(event));
    this.onEvent();
  }

  private see(message: ChatMessage | undefined): void {
    if (!message) return;
    const before = this.view.get(message.seq);
    must(!before || revisionOf(message) >= revisionOf(before), 'no message goes back to an older state');
    this.view.set(message.seq, message);
  }

  /** Whether it sees each message that it was told of as the log does. */
  get isUpToDate(): boolean {
    return [...this.view].every(
      ([seq, message]) => JSON.stringify(message) === JSON.stringify(this.log.message(seq, this.log.lastSeq)),
    );
  }

  live(): void {
    this.lives += 1;
    must(this.ended === undefined && this.lives === 1, 'live is said once');
  }

  reset(cursor: Cursor): void {
    must(this.ended === undefined, 'nothing after the end');
    must(ageOf(cursor.epoch) > ageOf(this.epoch), 'a reset leads to a newer history');
    this.seen = 0;
    this.view.clear();
    this.start = cursor.seq;
    this.admittedSeq = cursor.seq;
    this.epoch = cursor.epoch;
    this.lives = 0;
  }

  end(reason: string): void {
    must(this.ended === undefined, 'one end');
    this.ended = reason;
  }

  /** Everything up to the head was heard, and that it is live was said. */
  get hasAll(): boolean {
    return this.epoch === this.log.epoch && this.start + this.seen === this.log.lastSeq && this.lives === 1;
  }

  readOn(): void {
    this.room = this.capacity;
  }
}

/** A consumer that reads from an iterator, in which events wait. */
export class ModelSubscriber {
  readonly iterator: StreamIterator<ChatEvent>;
  private isReading = false;

  constructor(
    private readonly consumer: ModelConsumer,
    private readonly capacity: number,
    hasRoom: boolean,
  ) {
    const isAny = (_event: ChatEvent): _event is ChatEvent => true;
    this.iterator = new StreamIterator(
      isAny,
      () => {},
      () => hasRoom,
    );
    // Subscriptions are not told when they are live.
    consumer.lives = 1;
  }

  async readOn(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      for (let count = 0; count < this.capacity && this.consumer.ended === undefined; count += 1) {
        const { done, value } = await this.iterator.next();
        if (!done) this.consumer.hear(value);
        else if (this.consumer.ended === undefined) this.consumer.end('removed');
      }
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.consumer.end(error.code.toLowerCase());
    } finally {
      this.isReading = false;
    }
  }
}
