import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bus, BusHandler } from '../../src/delivery/bus.js';
import type { ChatStream } from '../../src/delivery/chat-stream.js';
import { ChatStreams } from '../../src/delivery/chat-streams.js';
import { MalformedEvent } from '../../src/delivery/event-on-bus.js';
import type { Feed } from '../../src/delivery/flush-scheduler.js';
import { Hub } from '../../src/delivery/hub.js';
import type { LogReader } from '../../src/delivery/shared-pages.js';
import type { StreamSink } from '../../src/delivery/stream-sink.js';
import { chatNotFound, DomainError } from '../../src/domain/errors.js';
import { type ChatEvent, type KnownEntry, messageOf, toEvent } from '../../src/domain/log/chat-events.js';
import type { ChatHead, ReadPage } from '../../src/domain/log/chat-log.js';
import { type ChatMessage, extrasOf, NO_EXTRAS } from '../../src/domain/log/chat-message.js';
import type { Cursor } from '../../src/domain/log/cursor.js';
import { StreamIterator } from '../../src/graphql/streams/stream-iterator.js';
import { assertProperty } from '../support/property.js';
import { viewerOf } from '../support/services.js';

const CHAT = '00000000-0000-7000-8000-000000000001';

/** A log in memory whose readings finish when the test says so: the moment of each is part of the history. */
class ModelLog implements LogReader {
  epoch = 'e0';
  /** What each number was; the viewer is a member at first. */
  private kinds: Change[] = [];
  /** The changes of each message. */
  private readonly changes = new Map<number, { kind: Kind; at: number }[]>();
  private waiting: (() => void)[] = [];

  constructor(history: number) {
    for (let seq = 1; seq <= history; seq += 1) this.kinds.push({ kind: 'message' });
  }

  get lastSeq(): number {
    return this.kinds.length;
  }

  get isMember(): boolean {
    return this.kinds.findLast(({ kind }) => kind === 'removed' || kind === 'added')?.kind !== 'removed';
  }

  /** A change of a message that is not there any more is a message instead. @param back how many numbers before the newest it is */
  commit(kind: Kind, back = 0): KnownEntry {
    const of = this.lastSeq - back;
    const isPossible = this.kinds[of - 1]?.kind === 'message' && !this.isDeleted(of, this.lastSeq);
    if (isChange(kind) && isPossible) {
      this.kinds.push({ kind, of });
      this.changes.set(of, [...(this.changes.get(of) ?? []), { kind, at: this.lastSeq }]);
    } else {
      this.kinds.push({ kind: isChange(kind) ? 'message' : kind });
    }
    return this.entry(this.lastSeq, this.lastSeq);
  }

  /** A message in its state after the change `asOf`. Its text tells what it was and when. */
  message(seq: number, asOf: number): ChatMessage {
    const changes = this.changesOf(seq, asOf);
    const deletedAt = this.isDeleted(seq, asOf) ? AT : null;
    const content = deletedAt ? '' : `${seq} after ${changes.length} changes`;
    const id = `00000000-0000-7000-8000-${String(seq).padStart(12, '0')}`;
    const plain = { id, chatId: CHAT, seq, content, nonce: null, createdAt: AT, sender: user };
    if (changes.length === 0) return plain;
    return { ...plain, extras: { ...NO_EXTRAS, revision: changes.length, deletedAt } };
  }

  /** The numbers of the messages that are deleted, and those of their deletions. */
  get deletions(): { of: number; at: number }[] {
    return [...this.changes].flatMap(([of, changes]) =>
      changes.filter(({ kind }) => kind === 'message.deleted').map(({ at }) => ({ of, at })),
    );
  }

  private changesOf(seq: number, asOf: number) {
    return this.changes.get(seq)?.filter(({ at }) => at <= asOf) ?? [];
  }

  private isDeleted(seq: number, asOf: number): boolean {
    return this.changesOf(seq, asOf).some(({ kind }) => kind === 'message.deleted');
  }

  private entry(seq: number, asOf: number): KnownEntry {
    const change = this.kinds[seq - 1];
    if (!change) throw new Error(`Nothing has the number ${seq}.`);
    const { kind, of } = change;
    const base = { chatId: CHAT, epoch: this.epoch, seq, at: AT, actor: user };
    const membership = { role: 'member' as const, joinedAt: AT };
    if (kind === 'removed') return { ...base, type: 'member.removed', subject: user };
    if (kind === 'added') return { ...base, type: 'member.added', subject: user, membership };
    const message = this.message(of ?? seq, asOf);
    return { ...base, type: isChange(kind) ? kind : 'message.created', message };
  }

  /** An older backup is restored, and its epochs are rotated as the manual says. */
  restore(lost: number, epoch: string): void {
    this.kinds = this.kinds.slice(0, Math.max(0, this.lastSeq - lost));
    for (const [seq, changes] of this.changes)
      this.changes.set(
        seq,
        changes.filter(({ at }) => at <= this.lastSeq),
      );
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

  /** Now and then a page ends early, as one does that has enough bytes. */
  async page({ seq: head, epoch }: ChatHead, after: number, limit: number): Promise<ReadPage> {
    const read = () => {
      const most = after % 3 === 0 ? 2 : limit;
      const upTo = Math.min(head, after + most);
      const events: ChatEvent[] = [];
      for (let seq = after + 1; seq <= Math.min(upTo, this.lastSeq); seq += 1)
        events.push({ ...toEvent(this.entry(seq, this.lastSeq)), epoch });
      return { events, upTo, asOf: this.lastSeq };
    };
    const first = await this.later(read);
    if (epoch !== this.epoch) return first;
    // Messages with extras are read by a second statement, which sees what was committed in between. The others stay as they were.
    const isPlain = (event: ChatEvent | undefined) => event && !messageOf(event)?.extras;
    const { events, asOf } = read();
    return {
      ...first,
      events: first.events.map((event, at) => (isPlain(event) ? event : (events[at] ?? event))),
      asOf,
    };
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

const ageOf = (epoch: string) => Number(epoch.slice(1));

const CHANGES = ['message.edited', 'message.deleted', 'message.reactions'] as const;
type Kind = 'message' | 'removed' | 'added' | (typeof CHANGES)[number];
/** `of` is the number of the message that is changed. */
type Change = { kind: Kind; of?: number };

function isChange(kind: Kind): kind is (typeof CHANGES)[number] {
  return CHANGES.some((change) => change === kind);
}

const AT = '2026-01-01T00:00:00.000Z';

const user = {
  ...{ id: '00000000-0000-7000-8000-000000000002', username: 'u', firstName: '', lastName: '' },
  ...{ role: 'user' as const, dateJoined: '2026-01-01T00:00:00.000Z' },
};

/** A bus that brings what it is told to, when it is told to. */
class ModelBus implements Bus {
  private readonly handlers = new Set<BusHandler>();
  private readonly resetHandlers: (() => void)[] = [];
  private readonly queue: KnownEntry[] = [];

  async publish(): Promise<void> {}

  async subscribe(_topic: string, handler: BusHandler): Promise<() => void> {
    this.handlers.add(handler);
    return () => void this.handlers.delete(handler);
  }

  onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}

  /** Keeps an event to be brought later; it overtakes so many. */
  take(event: KnownEntry, overtakes: number): void {
    this.queue.splice(Math.max(0, this.queue.length - overtakes), 0, event);
  }

  bringOne(): KnownEntry | undefined {
    const event = this.queue.shift();
    if (event) this.bring(event);
    return event;
  }

  bring(event: KnownEntry): void {
    for (const handler of this.handlers) handler(JSON.stringify(event));
  }

  /** What a newer version would write of a kind that this one does not know. */
  bringUnknownKind(event: KnownEntry): void {
    for (const handler of this.handlers) handler(JSON.stringify({ ...event, type: 'message.waved' }));
  }

  shuffle(): void {
    this.queue.reverse();
  }

  /** What a reconnect does: every hub compares itself with the log. */
  reset(): void {
    for (const handler of this.resetHandlers) handler();
  }
}

/** A scheduler that flushes when the test says so. */
class ModelScheduler {
  private feeds: Feed[] = [];

  addEvent(feed: Feed): void {
    if (feed.isDue) return;
    feed.isDue = true;
    this.feeds.push(feed);
  }

  run(): void {
    for (const feed of this.feeds.splice(0)) {
      feed.isDue = false;
      feed.flush();
    }
  }
}

/** A plain throw: `expect` would take most of the time here. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A consumer that has room for `capacity` changes until it is told to read on. Whatever is against the rules it throws. */
class ModelConsumer implements StreamSink {
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
class ModelSubscriber {
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

function revisionOf(message: ChatMessage): number {
  return extrasOf(message).revision;
}

/** The events and messages that these objects hold, but for what only functions can reach. */
function heldBy(...roots: object[]): { events: ChatEvent[]; messages: ChatMessage[] } {
  const events: ChatEvent[] = [];
  const messages: ChatMessage[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || isTimer(value) || isOfModel(value)) return;
    seen.add(value);
    if (isEvent(value)) events.push(value);
    else if (isMessage(value)) messages.push(value);
    else if (value instanceof Map || value instanceof Set) for (const item of value.values()) visit(item);
    else for (const item of Object.values(value)) visit(item);
  };
  for (const root of roots) visit(root);
  return { events, messages };
}

/** A timer leads to all others, and holds nothing but functions. */
const isTimer = (value: object) => 'hasRef' in value;
const isOfModel = (value: object) => value instanceof ModelLog || value instanceof ModelBus;
const isEvent = (value: object): value is ChatEvent => 'epoch' in value && 'type' in value;
const isMessage = (value: object): value is ChatMessage => 'content' in value && 'sender' in value;

type Step =
  | { do: 'commit'; kind: Kind; back: number; copies: number; delay: number }
  | { do: 'bus' }
  | { do: 'unknownKind' }
  | { do: 'flush' }
  | { do: 'shuffle' }
  | { do: 'finish'; which: number }
  | { do: 'finishAll' }
  | { do: 'probe' }
  | { do: 'trim' }
  | { do: 'join'; back: number; capacity: number; leaves: number; subscribes?: boolean }
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
      kind: fc.oneof(
        { weight: 5, arbitrary: fc.constant<Kind>('message') },
        { weight: 1, arbitrary: fc.constantFrom<Kind>('removed', 'added') },
        { weight: 5, arbitrary: fc.constantFrom<Kind>(...CHANGES) },
      ),
      back: fc.oneof(fc.nat(4), fc.nat(40)),
      copies: fc.constantFrom(0, 1, 1, 1, 2),
      delay: fc.nat(3),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('bus' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unknownKind' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shuffle' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finishAll' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('probe' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      back: fc.nat(400),
      capacity: fc.integer({ min: 1, max: 9 }),
      leaves: fc.constantFrom(0, 0, 0, 1, 3),
      subscribes: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('readOn' as const), who: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore' as const), lost: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('burst' as const), changes: fc.integer({ min: 100, max: 600 }) }),
  },
);

/** Lets every continuation that is due run; nothing here waits for a clock. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

async function play(history: number, steps: Step[]): Promise<void> {
  const log = new ModelLog(history);
  const bus = new ModelBus();
  const scheduler = new ModelScheduler();
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const hub = new Hub(bus, log, scheduler, { probeIntervalMs: 3_600_000, gapGraceMs: 0, onError });
  const streams = new ChatStreams(hub, { requireHead: () => log.enter() }, onError);
  let restores = 0;
  const consumers: { consumer: ModelConsumer; stream: ChatStream; subscriber: ModelSubscriber | undefined }[] = [];
  /** The deletions that the bus brought, by epoch and number. */
  const brought = new Set<string>();
  const noteBrought = (entry: KnownEntry | undefined) => entry && brought.add(`${entry.epoch}:${entry.seq}`);

  const join = async (back: number, capacity: number, leaves: number, subscribes: boolean) => {
    const after = { epoch: log.epoch, seq: Math.max(0, log.lastSeq - back) };
    const consumer = new ModelConsumer(after, capacity, log);
    const subscriber = subscribes ? new ModelSubscriber(consumer, capacity, back % 2 === 0) : undefined;
    const sink = subscriber?.iterator ?? consumer;
    const opening = streams.open({ chatId: CHAT, viewer: () => viewerOf(user), after }, sink);
    const stream = await opening.catch(() => undefined);
    if (!stream) return;
    subscriber?.iterator.attach(stream);
    consumer.admittedSeq = stream.head.seq;
    consumer.onEvent = () => {
      if (consumer.seen !== leaves) return;
      stream.close();
      consumer.ended = 'left';
    };
    consumers.push({ consumer, stream, subscriber });
  };

  const readOn = ({ consumer, stream, subscriber }: (typeof consumers)[number]) => {
    consumer.readOn();
    if (subscriber) subscriber.readOn().catch(onError);
    else stream.resume();
  };

  /** No memory holds a text that was deleted, and none holds a message as it was before a change that came in its turn. */
  const checkMemory = async () => {
    const feed = await hub.acquire(CHAT);
    const { epoch, lastSeq } = feed;
    const iterators = consumers.flatMap(({ subscriber }) => subscriber?.iterator ?? []);
    const { events, messages } = heldBy(hub, streams, ...iterators);
    hub.release(feed);
    if (epoch !== log.epoch || restores > 0) return;
    const gone = new Set<number>();
    for (const { of, at } of log.deletions) if (at <= lastSeq || brought.has(`${epoch}:${at}`)) gone.add(of);
    for (const message of [...messages, ...events.map(messageOf)])
      must(!message || message.content === '' || !gone.has(message.seq), 'a deleted text is held nowhere');
    for (const event of events) {
      const message = messageOf(event);
      if (message && event.seq <= lastSeq)
        must(revisionOf(message) >= revisionOf(log.message(message.seq, lastSeq)), 'memory is as new as the log');
    }
  };

  // It takes longer than all the rest.
  const looksAtMemory = history % 3 === 0;
  for (const one of steps) {
    if (one.do === 'commit') {
      const event = log.commit(one.kind, one.back);
      for (let copy = 0; copy < one.copies; copy += 1) bus.take(event, one.delay);
    } else if (one.do === 'bus') {
      noteBrought(bus.bringOne());
    } else if (one.do === 'unknownKind') {
      bus.bringUnknownKind(log.commit('message'));
    } else if (one.do === 'flush') {
      scheduler.run();
    } else if (one.do === 'shuffle') {
      bus.shuffle();
    } else if (one.do === 'finish') {
      log.finishOne(one.which);
    } else if (one.do === 'finishAll') {
      while (log.reading) {
        log.finishOne();
        await settle();
      }
    } else if (one.do === 'probe') {
      bus.reset();
    } else if (one.do === 'trim') {
      hub.trim();
    } else if (one.do === 'join') {
      void join(one.back, one.capacity, one.leaves, one.subscribes === true);
    } else if (one.do === 'readOn' || one.do === 'leave') {
      const [entry] = consumers.splice(one.who % Math.max(1, consumers.length), 1);
      if (!entry) continue;
      if (one.do === 'leave') {
        entry.stream.close();
        entry.consumer.ended = 'left';
        void entry.subscriber?.iterator.return();
      } else {
        consumers.push(entry);
        readOn(entry);
      }
    } else if (one.do === 'burst') {
      for (let count = 0; count < one.changes; count += 1) bus.bring(log.commit('message'));
    } else {
      restores += 1;
      log.restore(one.lost, `e${restores}`);
    }
    await settle();
    if (looksAtMemory && hub.size > 0) await checkMemory();
  }

  // When nothing more happens, probes one after the other and readers who read on bring everybody to the head.
  for (let round = 0; round < 5000; round += 1) {
    if (log.reading) log.finishOne();
    else bus.reset();
    scheduler.run();
    await settle();
    for (const entry of consumers) readOn(entry);
    // A subscriber learns of its end when it asks for the next event.
    const done = consumers.every(({ consumer }) => consumer.ended ?? (consumer.hasAll && log.isMember));
    if (done && !log.reading) break;
  }
  for (const { consumer } of consumers) {
    // Who is no member now has been told so, and who was told so had been removed at that time.
    if (consumer.ended === undefined) expect([consumer.hasAll, consumer.isUpToDate]).toEqual([true, true]);
    if (!log.isMember) expect(consumer.ended).toMatch(/removed|not_found|cursor_reset|left/);
  }
  expect(errors.filter((error) => !(error instanceof MalformedEvent))).toEqual([]);
  for (const { stream } of consumers) stream.close();
  expect([streams.size, hub.size]).toEqual([0, 0]);
  hub.close();
}

const join = { do: 'join', back: 0, capacity: 9, leaves: 0 } as const;

/** Histories that chance seldom makes. */
const RARE: [number, Step[]][] = [
  // A removal whose number is lower than the one at which the viewer was let into the history before.
  [
    20,
    [
      join,
      { do: 'finishAll' },
      { do: 'restore', lost: 9 },
      { do: 'probe' },
      { do: 'finishAll' },
      { do: 'commit', kind: 'removed', back: 0, copies: 1, delay: 0 },
    ],
  ],
  // A page that a stream reads in vain, as it has everything, must not be what a repair gets a moment later.
  [
    282,
    [
      { do: 'join', back: 268, capacity: 3, leaves: 0, subscribes: true },
      { do: 'probe' },
      { do: 'join', back: 73, capacity: 2, leaves: 0, subscribes: true },
      { do: 'commit', kind: 'message.reactions', back: 22, copies: 0, delay: 1 },
      { do: 'commit', kind: 'added', back: 2, copies: 0, delay: 3 },
    ],
  ],
  // The first reading of a feed's head is of the history before, the second of the one after.
  [20, [join, { do: 'restore', lost: 9 }, join]],
];

describe('history and live as one stream', () => {
  it('has no hole, repetition, swap or outdated message in 10,000 random histories of loss, repetition, delay, reorder, change, join and probe', {
    retry: 0,
    timeout: 120_000,
  }, async () => {
    await assertProperty(
      fc.asyncProperty(fc.nat(600), fc.array(step, { maxLength: 40 }), (history, steps) => play(history, steps)),
      { numRuns: 10_000, examples: RARE },
    );
  });
});
