import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatStream } from '../../src/delivery/chat-stream.js';
import { ChatStreams } from '../../src/delivery/chat-streams.js';
import { MalformedEvent } from '../../src/delivery/event-on-bus.js';
import { Hub } from '../../src/delivery/hub.js';
import { type KnownEntry, messageOf } from '../../src/domain/log/chat-events.js';
import { assertProperty } from '../support/property.js';
import { viewerOf } from '../support/services.js';
import { heldBy, revisionOf } from './model/held-by.js';
import { ModelBus, ModelScheduler } from './model/model-bus.js';
import { ModelConsumer, ModelSubscriber, must } from './model/model-consumers.js';
import { CHANGES, CHAT, type Kind, ModelLog, user } from './model/model-log.js';

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
  const streams = new ChatStreams(hub, { requireHead: () => log.enter(), requireLog: () => log.enter() }, onError);
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
    timeout: 300_000,
  }, async () => {
    await assertProperty(
      fc.asyncProperty(fc.nat(600), fc.array(step, { maxLength: 40 }), (history, steps) => play(history, steps)),
      { numRuns: 10_000, examples: RARE },
    );
  });
});
