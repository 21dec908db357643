import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChatFeed, type LogReader } from '../../src/delivery/chat-feed.js';
import { ChatStream, type StreamSink } from '../../src/delivery/chat-stream.js';
import type { ChatEvent } from '../../src/domain/chat-events.js';
import type { ChatHead } from '../../src/domain/chat-log.js';
import type { Cursor } from '../../src/domain/cursor.js';
import { chatNotFound } from '../../src/domain/errors.js';
import { viewerOf } from '../support/services.js';

const CHAT = '00000000-0000-7000-8000-000000000001';

/** A log in memory whose readings finish when the test says so: the moment of each is part of the history. */
class ModelLog implements LogReader {
  epoch = 'first';
  /** What each number was; the viewer is a member at first. */
  private kinds: Kind[] = [];
  private waiting: (() => void)[] = [];

  constructor(history: number) {
    this.kinds = Array.from({ length: history }, () => 'message');
  }

  get lastSeq(): number {
    return this.kinds.length;
  }

  get isMember(): boolean {
    return this.kinds.findLast((kind) => kind !== 'message') !== 'removed';
  }

  commit(kind: Kind): ChatEvent {
    this.kinds.push(kind);
    return eventOf(this.epoch, this.lastSeq, kind);
  }

  /** An older backup is restored, and its epochs are rotated as the manual says. */
  restore(lost: number, epoch: string): void {
    this.kinds = this.kinds.slice(0, Math.max(0, this.lastSeq - lost));
    this.epoch = epoch;
  }

  /** Lets a member in. */
  enter(): Promise<ChatHead> {
    return this.later(() => {
      if (!this.isMember) return chatNotFound();
      return this.head();
    }).then((seen) => {
      if (seen instanceof Error) throw seen;
      return seen;
    });
  }

  head(): ChatHead {
    return { chatId: CHAT, epoch: this.epoch, seq: this.lastSeq };
  }

  heads(): Promise<ChatHead[]> {
    return this.later(() => [this.head()]);
  }

  events({ seq: head, epoch }: ChatHead, after: number, limit: number): Promise<ChatEvent[]> {
    return this.later(() => {
      const upTo = Math.min(head, after + limit, this.lastSeq);
      return this.kinds.slice(after, upTo).map((kind, index) => eventOf(epoch, after + index + 1, kind));
    });
  }

  /** Lets a reading under way finish; they may overtake each other. */
  finishOne(which = 0): void {
    for (const finish of this.waiting.splice(which % Math.max(1, this.waiting.length), 1)) finish();
  }

  get reading(): boolean {
    return this.waiting.length > 0;
  }

  /** What a reading sees is what was committed when it began. */
  private later<T>(read: () => T): Promise<T> {
    const seen = read();
    return new Promise((resolve) => this.waiting.push(() => resolve(seen)));
  }
}

type Kind = 'message' | 'removed' | 'added';

const user = { id: 'u', username: 'u', firstName: '', lastName: '', role: 'user' as const, dateJoined: '' };

function eventOf(epoch: string, seq: number, kind: Kind): ChatEvent {
  const at = '2026-01-01T00:00:00.000Z';
  const base = { chatId: CHAT, epoch, seq, at, actor: null };
  if (kind === 'removed') return { ...base, type: 'member.removed', user };
  if (kind === 'added') return { ...base, type: 'member.added', member: { user, joinedAt: at } };
  const message = { id: `${seq}`, chatId: CHAT, seq, content: '', nonce: null, createdAt: at, sender: user };
  return { ...base, type: 'message.created', message };
}

/** A consumer that has room for `capacity` changes until it is told to read on. */
class ModelConsumer implements StreamSink {
  readonly seen: number[] = [];
  lives = 0;
  start: number;
  ended: string | undefined;
  /** The viewer's own removal has been heard: nothing may follow. */
  private removed = false;
  private room: number;
  /** Called in the middle of a delivery, as a consumer would be that closes its stream there. */
  onEvent = () => {};

  constructor(
    public epoch: string,
    from: number,
    private letInAt: number,
    private readonly capacity: number,
  ) {
    this.start = from;
    this.room = capacity;
  }

  event(event: ChatEvent): boolean {
    expect(this.ended).toBeUndefined();
    expect(this.removed).toBe(false);
    this.removed = event.type === 'member.removed' && event.seq > this.letInAt;
    expect(event.epoch).toBe(this.epoch);
    this.seen.push(event.seq);
    this.room -= 1;
    this.onEvent();
    return this.room > 0;
  }

  live(): void {
    this.lives += 1;
  }

  reset(cursor: Cursor): void {
    this.seen.length = 0;
    this.start = cursor.seq;
    this.letInAt = cursor.seq;
    this.epoch = cursor.epoch;
    this.lives = 0;
  }

  end(reason: string): void {
    this.ended = reason;
  }

  /** Everything up to the head was heard, and that it is live was said once. */
  hasAll({ epoch, seq }: ChatHead): boolean {
    return this.epoch === epoch && this.start + this.seen.length === seq && this.lives === 1;
  }

  readOn(): void {
    this.room = this.capacity;
  }
}

type Step =
  | { do: 'commit'; kind: Kind; copies: number; delay: number }
  | { do: 'bus' }
  | { do: 'shuffle' }
  | { do: 'finish'; which: number }
  | { do: 'probe' }
  | { do: 'join'; back: number; capacity: number; leaves: number }
  | { do: 'readOn'; who: number }
  | { do: 'leave'; who: number }
  | { do: 'burst'; changes: number }
  | { do: 'restore'; lost: number };

const step = fc.oneof(
  // copies 0: the bus loses it; 2: it repeats it.
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      kind: fc.constantFrom<Kind>('message', 'message', 'message', 'message', 'message', 'removed', 'added'),
      copies: fc.constantFrom(0, 1, 1, 1, 2),
      delay: fc.nat(3),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('bus' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shuffle' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('probe' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      back: fc.nat(400),
      capacity: fc.integer({ min: 1, max: 9 }),
      leaves: fc.constantFrom(0, 0, 0, 1, 3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('readOn' as const), who: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), lost: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('burst' as const), changes: fc.integer({ min: 100, max: 600 }) }),
  },
);

/** Lets every continuation that is due run; nothing here waits for a clock. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

async function play(history: number, steps: Step[]): Promise<void> {
  const log = new ModelLog(history);
  let epochs = 0;
  const errors: unknown[] = [];
  const feed = new ChatFeed(CHAT, log, (error) => errors.push(error), 0);
  const bus: ChatEvent[] = [];
  const consumers: { consumer: ModelConsumer; stream: ChatStream }[] = [];
  const probe = async () => {
    const before = feed.standing;
    for (const head of await log.heads()) feed.observe(head, before);
  };

  /** As `ChatStreams.open` does it: the head is read while anything may happen. */
  const join = async (back: number, capacity: number, leaves: number) => {
    const cursor = { epoch: log.epoch, seq: Math.max(0, log.lastSeq - back) };
    const before = feed.standing;
    const head = await log.enter().catch(() => undefined);
    if (!head) return;
    feed.observe(head, before);
    // Who asks for another history is told so.
    const after = cursor.epoch === head.epoch ? cursor : head;
    const consumer = new ModelConsumer(after.epoch, after.seq, head.seq, capacity);
    const stream = new ChatStream(feed, consumer, {
      viewer: viewerOf(user),
      head,
      after,
      enter: () => log.enter(),
      onClose: () => {},
      onError: (error) => errors.push(error),
    });
    consumer.onEvent = () => {
      if (consumer.seen.length !== leaves) return;
      stream.close();
      consumer.ended = 'left';
    };
    consumers.push({ consumer, stream });
    stream.start();
  };

  const check = () => {
    for (const { consumer } of consumers) {
      // What is heard of a history that was replaced is void, and a reset is on its way.
      if (consumer.epoch !== log.epoch) continue;
      const expected = consumer.seen.map((_, index) => consumer.start + index + 1);
      expect(consumer.seen).toEqual(expected);
      expect(consumer.lives).toBeLessThanOrEqual(1);
    }
  };

  for (const one of steps) {
    if (one.do === 'commit') {
      const event = log.commit(one.kind);
      for (let copy = 0; copy < one.copies; copy += 1) bus.splice(Math.max(0, bus.length - one.delay), 0, event);
    } else if (one.do === 'bus') {
      const event = bus.shift();
      if (event) feed.receive(event);
    } else if (one.do === 'shuffle') {
      bus.reverse();
    } else if (one.do === 'finish') {
      log.finishOne(one.which);
    } else if (one.do === 'probe') {
      void probe();
    } else if (one.do === 'join') {
      void join(one.back, one.capacity, one.leaves);
    } else if (one.do === 'readOn' || one.do === 'leave') {
      const [entry] = consumers.splice(one.who % Math.max(1, consumers.length), 1);
      if (!entry) continue;
      if (one.do === 'leave') {
        entry.stream.close();
      } else {
        consumers.push(entry);
        entry.consumer.readOn();
        entry.stream.resume();
      }
    } else if (one.do === 'burst') {
      for (let count = 0; count < one.changes; count += 1) feed.receive(log.commit('message'));
    } else {
      log.restore(one.lost, `e${epochs++}`);
    }
    await settle();
    check();
  }

  // When nothing more happens, probes one after the other and readers who read on bring everybody to the head.
  for (let round = 0; round < 5000; round += 1) {
    if (log.reading) log.finishOne();
    else void probe();
    await settle();
    for (const { consumer, stream } of consumers) {
      consumer.readOn();
      stream.resume();
    }
    const done = consumers.every(({ consumer }) => consumer.ended ?? consumer.hasAll(log.head()));
    if (done && feed.epoch === log.epoch && feed.delivered === log.lastSeq) break;
  }
  check();
  for (const { consumer } of consumers) {
    // Who is no member now has been told so, and who was told so had been removed at that time.
    if (consumer.ended === undefined) expect(consumer.hasAll(log.head())).toBe(true);
    if (!log.isMember) expect(consumer.ended).toMatch(/removed|gone|left/);
  }
  expect(errors).toEqual([]);
  feed.close();
}

describe('history and live as one stream', () => {
  it('has no hole, repetition or swap in 10,000 random histories of loss, repetition, delay, reorder, join and probe', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(600), fc.array(step, { maxLength: 40 }), (history, steps) => play(history, steps)),
      { numRuns: 10_000 },
    );
  }, 120_000);
});
