import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus, BusHandler } from '../../src/delivery/bus.js';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { writeHistory } from '../support/history.js';
import { Recorder, range } from '../support/recorder.js';
import { ResettableBus } from '../support/resettable-bus.js';
import { startOwnServices, startServices, viewerOf } from '../support/services.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;
let services: OwnServices;

beforeAll(async () => {
  services = await startOwnServices();
});

afterAll(() => services.close());

async function newTalk() {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const chat = await services.newChat(ann, bob);
  const send = (content: string, user: UserProfile = ann) =>
    services.messages.send(viewerOf(user), { chatId: chat.id, content });
  const open = (user: UserProfile, seq?: number, recorder = new Recorder()) =>
    services.chatStreams
      .open(
        {
          chatId: chat.id,
          viewer: () => viewerOf(user),
          after: seq === undefined ? undefined : { epoch: chat.epoch, seq },
        },
        recorder,
      )
      .then((stream) => ({ stream, recorder }));
  return { ann, bob, chat, send, open };
}

/** As if another process had written, whose payloads were lost. */
const writeBehindTheBus = (chatId: string, senderId: string, count: number) =>
  writeHistory(services.db.pool, chatId, { senderId, count });

describe('a stream', () => {
  it('starts at the head and brings what happens from then on', async () => {
    const { ann, bob, send, open } = await newTalk();
    await send('before');
    const { stream, recorder } = await open(bob);
    await send('after');
    await recorder.until(({ events }) => events.length === 1);
    expect(stream.head.seq).toBe(3);
    expect(recorder.lives).toEqual([stream.head]);
    expect(recorder.events[0]).toMatchObject({
      type: 'message.created',
      seq: 4,
      actor: ann,
      message: { content: 'after' },
    });
    stream.close();
  });

  it('brings the history after its cursor first, memberships among the messages, and says once when it is live', async () => {
    const { ann, bob, chat, send, open } = await newTalk();
    await send('one');
    await services.memberships.remove(ann, chat.id, bob.id);
    await services.memberships.add(ann, chat.id, bob.id);
    await send('two');
    const { stream, recorder } = await open(bob, 0);
    await recorder.until(({ lives }) => lives.length === 1);
    await send('three');
    await recorder.until(({ events }) => events.length === 7);
    expect(recorder.events.map((event) => `${event.seq} ${event.type}`)).toEqual([
      '1 member.added',
      '2 member.added',
      '3 message.created',
      '4 member.removed',
      '5 member.added',
      '6 message.created',
      '7 message.created',
    ]);
    expect(recorder.lives).toEqual([{ epoch: chat.epoch, seq: 6 }]);
    expect(recorder.ended).toBeUndefined();
    stream.close();
  });

  it('goes through 10,000 changes into the live stream without a hole while the chat is written at full speed', async () => {
    const { ann, bob, chat, send, open } = await newTalk();
    await writeBehindTheBus(chat.id, ann.id, 10_000);
    const { stream, recorder } = await open(bob, 0);
    let sends = 0;
    while (recorder.lives.length === 0 || sends < 200) {
      await Promise.all(range(1, 20).map(() => send('meanwhile')));
      sends += 20;
    }
    await recorder.until(({ events }) => events.length === 10_002 + sends);
    expect(recorder.seqs).toEqual(range(1, 10_002 + sends));
    stream.close();
  });

  it('waits for a consumer that has enough, holds nothing in memory meanwhile, and goes on from there', async () => {
    const { bob, send, open } = await newTalk();
    const { stream, recorder } = await open(bob, 0, new Recorder(5));
    await Promise.all(range(1, 600).map(() => send('x')));
    await recorder.until(({ events }) => events.length >= 5);
    // What comes together is taken together.
    expect(recorder.events.length).toBeLessThan(5 + 16);
    while (recorder.events.length < 602) {
      recorder.capacity = 100;
      const before = recorder.events.length;
      stream.resume();
      await recorder.until(({ events }) => events.length >= Math.min(602, before + 100));
      expect(recorder.events.length).toBeLessThan(before + 100 + 16);
    }
    expect(recorder.seqs).toEqual(range(1, 602));
    stream.close();
  });

  it('is refused to a stranger and for an unknown chat alike', async () => {
    const { open, chat } = await newTalk();
    const eve = await services.newUser();
    await expect(open(eve)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const unknown = { chatId: crypto.randomUUID(), viewer: () => viewerOf(eve) };
    await expect(services.chatStreams.open(unknown, new Recorder())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(chat.id).toBeDefined();
  });

  it('resets a cursor of another history or of a number not reached, and goes on live', async () => {
    const { bob, chat, send, open } = await newTalk();
    const recorder = new Recorder();
    const after = { epoch: 'other', seq: 1 };
    const other = await services.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob), after }, recorder);
    const { stream: ahead, recorder: aheadRecorder } = await open(bob, 99);
    await send('next');
    for (const heard of [recorder, aheadRecorder]) {
      await heard.until(({ events }) => events.length === 1);
      expect(heard.resets).toEqual([{ epoch: chat.epoch, seq: 2 }]);
      expect(heard.lives).toEqual([{ epoch: chat.epoch, seq: 2 }]);
      expect(heard.seqs).toEqual([3]);
    }
    other.close();
    ahead.close();
  });

  it('is reset when the epoch is rotated under it', async () => {
    const { bob, chat, send, open } = await newTalk();
    const { stream, recorder } = await open(bob);
    await recorder.until(({ lives }) => lives.length === 1);
    await services.chats.rotateEpoch(chat.name);
    await recorder.until(({ resets }) => resets.length === 1);
    await send('in the new epoch');
    await recorder.until(({ events }) => events.length === 1);
    expect(recorder.resets[0]?.epoch).not.toBe(chat.epoch);
    expect(recorder.events[0]).toMatchObject({ seq: 3, epoch: recorder.resets[0]?.epoch });
    stream.close();
  });

  it('delivers its own viewer’s removal last; nothing above it, and nothing to who is not removed is missed', async () => {
    const { ann, bob, chat, send, open } = await newTalk();
    const [forBob, forAnn] = [await open(bob, 0), await open(ann, 0)];
    await send('one');
    await services.memberships.remove(ann, chat.id, bob.id);
    await send('two');
    await forAnn.recorder.until(({ events }) => events.length === 5);
    await forBob.recorder.until(({ ended }) => ended !== undefined);
    expect(forBob.recorder.seqs).toEqual([1, 2, 3, 4]);
    expect(forBob.recorder.ended).toBe('removed');
    forAnn.stream.close();
  });

  it('of a consumer that throws ends as failed, and the others do not notice', async () => {
    const { ann, bob, send, open } = await newTalk();
    class Broken extends Recorder {
      override deliver(): boolean {
        throw new Error('broken consumer');
      }
    }
    const broken = await open(bob, undefined, new Broken());
    const healthy = await open(ann);
    await send('x');
    await healthy.recorder.until(({ events }) => events.length === 1);
    await broken.recorder.until(({ ended }) => ended === 'failed');
    healthy.stream.close();
  });

  it('goes on past a number whose row was taken out by hand', async () => {
    const { bob, chat, send, open } = await newTalk();
    await send('one');
    await send('two');
    await send('three');
    await services.db.prisma.message.deleteMany({ where: { chatId: chat.id, seq: 4 } });
    const { stream, recorder } = await open(bob, 0);
    await send('four');
    await recorder.until(({ events }) => events.at(-1)?.seq === 6);
    expect(recorder.seqs).toEqual([1, 2, 3, 5, 6]);
    stream.close();
  });

  it('leaves nothing behind when it is closed', async () => {
    const { bob, open } = await newTalk();
    const before = services.chatStreams.size;
    const opened = await Promise.all(range(1, 50).map(() => open(bob, 0)));
    expect(services.chatStreams.size).toBe(before + 50);
    for (const { stream } of opened) stream.close();
    expect(services.chatStreams.size).toBe(before);
  });
});

/** A bus that lies: it loses, repeats and holds back what passes. */
class LyingBus extends InProcessBus {
  /** Payloads of other processes go through this. */
  readonly fate: (payload: string, deliver: () => void) => void;

  constructor(fate: (payload: string, deliver: () => void) => void) {
    super();
    this.fate = fate;
  }

  override subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    return super.subscribe(topics, (payload, topic) => this.fate(payload, () => handler(payload, topic)));
  }
}

/** Streams on a bus of this fate, for a user of the shared database. */
async function onBus(bus: Bus) {
  return startServices(services.database, bus, { probeIntervalMs: 100 });
}

describe('what the bus does to payloads is repaired from the log', () => {
  it.each<[string, (count: number, deliver: () => void) => void]>([
    ['all are lost', () => {}],
    ['every third is lost', (count, deliver) => void (count % 3 && deliver())],
    ['each comes twice', (_count, deliver) => [deliver(), deliver()]],
    ['they come in reverse, by fives', reverseByFives()],
  ])('%s', async (_name, fate) => {
    const { ann, bob, chat } = await newTalk();
    let count = 0;
    const process = await onBus(new LyingBus((_payload, deliver) => fate(count++, deliver)));
    const recorder = new Recorder();
    const after = { epoch: chat.epoch, seq: 0 };
    const stream = await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob), after }, recorder);
    for (const index of range(1, 33))
      await process.messages.send(viewerOf(ann), { chatId: chat.id, content: `m${index}` });
    await recorder.until(({ events }) => events.length === 35);
    expect(recorder.seqs).toEqual(range(1, 35));
    stream.close();
    await process.close();
  });

  it('keeps the barrier of a removal while the bus lags behind', async () => {
    const { ann, bob, chat } = await newTalk();
    const held: (() => void)[] = [];
    const process = await onBus(new LyingBus((_payload, deliver) => held.push(deliver)));
    const recorder = new Recorder();
    await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
    await process.memberships.remove(null, chat.id, bob.id);
    await process.messages.send(viewerOf(ann), { chatId: chat.id, content: 'secret' });
    // The later change comes first.
    for (const deliver of held.reverse()) deliver();
    await recorder.until(({ ended }) => ended !== undefined);
    expect(recorder.events.map((event) => event.type)).toEqual(['member.removed']);
    await process.close();
  });

  it('garbage on the bus is passed over', async () => {
    const { ann, bob, chat } = await newTalk();
    const bus = new InProcessBus();
    const process = await onBus(bus);
    const recorder = new Recorder();
    const stream = await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
    for (const payload of ['', 'nonsense', 'null', '{}', `{"seq":99,"epoch":"${chat.epoch}","chatId":"${chat.id}"}`])
      await bus.publish(`chat:${chat.id}`, payload);
    await process.messages.send(viewerOf(ann), { chatId: chat.id, content: 'x' });
    await recorder.until(({ events }) => events.length === 1);
    expect(recorder.seqs).toEqual([3]);
    stream.close();
    await process.close();
  });
});

it('a bus that was away is repaired at once when it is back, and not at the next probe', async () => {
  const { ann, bob, chat } = await newTalk();
  const bus = new ResettableBus();
  const process = await startServices(services.database, bus, { probeIntervalMs: 3_600_000 });
  const recorder = new Recorder();
  const stream = await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
  await recorder.until(({ lives }) => lives.length === 1);
  await writeBehindTheBus(chat.id, ann.id, 3);
  bus.reset();
  await recorder.until(({ events }) => events.length === 3);
  expect(recorder.seqs).toEqual([3, 4, 5]);
  stream.close();
  await process.close();
});

describe('garbage on the bus', () => {
  it('that comes before the feed has seen a head does not end the repair of holes', async () => {
    const { ann, bob, chat } = await newTalk();
    const bus = new LyingBus((payload, deliver) => void (payload.includes('lost') || deliver()));
    const process = await onBus(bus);
    const recorder = new Recorder();
    const opening = process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
    for (const payload of ['{}', '[]', '"text"', '{"seq":"7"}', `{"seq":1.5,"epoch":"${chat.epoch}"}`])
      await bus.publish(`chat:${chat.id}`, payload);
    const stream = await opening;
    for (const content of ['lost', 'heard']) await process.messages.send(viewerOf(ann), { chatId: chat.id, content });
    await recorder.until(({ events }) => events.length === 2);
    expect(recorder.seqs).toEqual([3, 4]);
    stream.close();
    await process.close();
  });

  it('is not delivered when its number’s turn comes', async () => {
    const { ann, bob, chat } = await newTalk();
    const bus = new InProcessBus();
    const process = await onBus(bus);
    const recorder = new Recorder();
    const stream = await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
    await bus.publish(`chat:${chat.id}`, `{"seq":4,"epoch":"${chat.epoch}","chatId":"${chat.id}"}`);
    await bus.publish(`chat:${chat.id}`, `{"seq":4,"epoch":"${chat.epoch}","type":"message.created","chatId":"other"}`);
    for (const content of ['three', 'four']) await process.messages.send(viewerOf(ann), { chatId: chat.id, content });
    await recorder.until(({ events }) => events.length === 2);
    expect(recorder.events).toMatchObject([{ message: { content: 'three' } }, { message: { content: 'four' } }]);
    stream.close();
    await process.close();
  });
});

describe('what another version of the service writes', () => {
  it('is read from the log when the bus brings it in a form that is not known', async () => {
    const { ann, bob, chat } = await newTalk();
    const bus = new LyingBus((payload, deliver) => payload.includes('lost') || deliver());
    // Nothing but what the bus brings makes it read the log.
    const process = await startServices(services.database, bus, { probeIntervalMs: 3_600_000 });
    const recorder = new Recorder();
    const stream = await process.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(bob) }, recorder);
    await recorder.until(({ lives }) => lives.length === 1);
    const forms: ((event: object) => object)[] = [
      (event) => ({ ...event, type: 'message.said' }),
      (event) => ({ ...event, message: { text: 'another member' } }),
      (event) => ({ ...event, at: 1_790_000_000 }),
    ];
    for (const [index, form] of forms.entries()) {
      const message = await process.messages.send(viewerOf(ann), { chatId: chat.id, content: `lost ${index}` });
      const { seq, createdAt: at } = message;
      const event = { type: 'message.created', chatId: chat.id, epoch: chat.epoch, seq, at, actor: ann, message };
      const written = JSON.stringify(form(event)).replace('lost', 'kept');
      await bus.publish(`chat:${chat.id}`, written);
      await recorder.until(({ events }) => events.length === index + 1);
    }
    const contents = recorder.events.map((event) => event.type === 'message.created' && event.message.content);
    expect(contents).toEqual(['lost 0', 'lost 1', 'lost 2']);
    stream.close();
    await process.close();
  });

  it('is passed over in the log when it is of an unknown kind', async () => {
    const { ann, bob, chat, send, open } = await newTalk();
    await services.db.pool.query(
      `WITH chat AS (UPDATE chats SET last_seq = last_seq + 1 WHERE id = $1 RETURNING id, last_seq)
       INSERT INTO chat_events (chat_id, seq, kind, subject_id) SELECT id, last_seq, 'member.muted', $2 FROM chat`,
      [chat.id, ann.id],
    );
    await send('after it');
    const { stream, recorder } = await open(bob, 0);
    await recorder.until(({ lives }) => lives.length === 1);
    expect(recorder.events.map(({ seq, type }) => `${seq} ${type}`)).toEqual([
      '1 member.added',
      '2 member.added',
      '4 message.created',
    ]);
    stream.close();
  });
});

function reverseByFives(): (count: number, deliver: () => void) => void {
  const held: (() => void)[] = [];
  return (_count, deliver) => {
    held.unshift(deliver);
    if (held.length === 5) for (const one of held.splice(0)) one();
  };
}
