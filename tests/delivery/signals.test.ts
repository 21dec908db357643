import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamEnd, StreamSink } from '../../src/delivery/stream-sink.js';
import type { ChatEvent } from '../../src/domain/log/chat-events.js';
import type { UserProfile } from '../../src/domain/profile.js';
import type { ChatSignal } from '../../src/domain/signals.js';
import { busPorts } from '../support/bus-port.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startServices, type TestServices, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

let database: TestDatabase;
let one: TestServices;
/** A second process, on the same database and bus. */
let two: TestServices;

beforeAll(async () => {
  database = await createTestDatabase();
  const [first, second] = await busPorts(2);
  [one, two] = [await startServices(database, first), await startServices(database, second, { receiptsLimit: 3 })];
});

afterAll(async () => {
  await two.close();
  await one.close();
  await database.drop();
});

const isSignal = (heard: ChatEvent | ChatSignal): heard is ChatSignal =>
  heard.type === 'typing' || heard.type === 'receipts';

/** Somebody who listens to a chat, and what they heard, in its order. */
class Ear implements StreamSink {
  readonly heard: (ChatEvent | ChatSignal)[] = [];
  readonly holdsEvents = false;
  ended: StreamEnd | undefined;

  deliver(events: readonly ChatEvent[]): boolean {
    this.heard.push(...events);
    return true;
  }

  signal(signal: ChatSignal): void {
    this.heard.push(signal);
  }

  /** Without the probes of `listen`. */
  get signals(): ChatSignal[] {
    return this.heard.filter(isSignal).filter((signal) => signal.type === 'typing' || signal.reads.length > 0);
  }

  /** The names of those who were heard typing. */
  get typists(): string[] {
    return this.signals.flatMap((signal) => (signal.type === 'typing' ? signal.user.username : []));
  }

  replace(): void {}
  live(): void {}
  reset(): void {}

  end(reason: StreamEnd): void {
    this.ended = reason;
  }
}

/** Listens in a process, from now on. */
async function listen(services: TestServices, chatId: string, user: UserProfile): Promise<Ear> {
  const ear = new Ear();
  const before = services.signals.size;
  await services.chatStreams.open({ chatId, viewer: () => viewerOf(user) }, ear);
  expect(services.signals.size).toBeGreaterThanOrEqual(before);
  // A signal that reaches it says that it is live.
  const probe: ChatSignal = { type: 'receipts', reads: [] };
  await waitUntil('the listener is live', 5000, () => {
    if (ear.heard.length === 0) one.signals.publish(chatId, probe);
    return ear.heard.length > 0;
  });
  ear.heard.length = 0;
  return ear;
}

async function newTalk() {
  const [ann, bob, cid] = [await one.newUser(), await one.newUser(), await one.newUser()];
  const chat = await one.newChat(ann, bob, cid);
  const type = (user: UserProfile, services = one, thread?: string) =>
    services.typing.tell(viewerOf(user), { chatId: chat.id, thread });
  return { ann, bob, cid, chat, type };
}

describe('typing', () => {
  it('reaches the others in every process, and no device of the one who types', async () => {
    const { ann, bob, cid, chat, type } = await newTalk();
    const own = [await listen(one, chat.id, ann), await listen(two, chat.id, ann)];
    const others = [await listen(one, chat.id, bob), await listen(two, chat.id, cid)];
    const thread = crypto.randomUUID();
    expect(await type(ann, one, thread)).toBe(true);
    for (const ear of others) {
      await waitUntil('the others hear it', 5000, () => ear.typists.length > 0);
      expect(ear.signals.filter(({ type: kind }) => kind === 'typing')).toEqual([
        { type: 'typing', user: ann, thread },
      ]);
    }
    await type(bob, two);
    for (const ear of own) await waitUntil('the other one is heard', 5000, () => ear.typists.length > 0);
    expect(own.map((ear) => ear.typists)).toEqual([[bob.username], [bob.username]]);
  });

  it('is told once in three seconds, however often it is said', async () => {
    const { ann, bob, chat, type } = await newTalk();
    const ear = await listen(one, chat.id, bob);
    const answers = await Promise.all(Array.from({ length: 20 }, () => type(ann)));
    expect([...answers, await type(ann)].filter(Boolean)).toEqual([true]);
    // Another chat has a time of its own.
    expect(await one.typing.tell(viewerOf(ann), { chatId: (await one.newChat(ann)).id })).toBe(true);
    await waitUntil('it is heard', 5000, () => ear.typists.length > 0);
    expect(ear.typists).toEqual([ann.username]);
  });

  it('of a reader, an outsider, a muted and a removed member reaches nobody', async () => {
    const { ann, bob, cid, chat, type } = await newTalk();
    const [outsider, muted] = [await one.newUser(), await one.newUser()];
    await one.memberships.add(null, chat.id, muted.id);
    await one.memberships.setRole(null, chat.id, bob.id, 'reader');
    await one.memberships.remove(null, chat.id, cid.id);
    await one.db.pool.query(
      "UPDATE chat_memberships SET muted_until = now() + interval '1 hour' WHERE chat_id = $1 AND user_id = $2",
      [chat.id, muted.id],
    );
    const ear = await listen(two, chat.id, ann);
    await expect(type(outsider)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(type(cid)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(type(bob)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.role', needs: 'member' });
    await expect(type(muted)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'member.muted' });
    const reading = one.typing.tell(viewerOf(ann, ['read']), { chatId: chat.id });
    await expect(reading).rejects.toMatchObject({ code: 'FORBIDDEN' });
    // An admin need not be a member. Whoever was refused would have been heard before.
    const admin = await one.newUser('admin');
    expect(await type(admin)).toBe(true);
    await waitUntil('the admin is heard', 5000, () => ear.typists.length > 0);
    expect(ear.typists).toEqual([admin.username]);
  });

  it('is not told in a chat of more than a thousand members', async () => {
    const { ann, chat, type } = await newTalk();
    const fill = async (count: number) => {
      const name = crypto.randomUUID();
      await one.db.pool.query(
        'INSERT INTO users (id, username) SELECT gen_random_uuid(), $1 || n FROM generate_series(1, $2::int) n',
        [name, count],
      );
      await one.db.pool.query(
        "INSERT INTO chat_memberships (chat_id, user_id) SELECT $1, id FROM users WHERE username LIKE $2 || '%'",
        [chat.id, name],
      );
    };
    await fill(997);
    expect(await type(ann)).toBe(true);
    await fill(1);
    // The other process has not looked at the chat yet.
    expect(await type(ann, two)).toBe(false);
  });

  it.each(['x', '', '{'])('takes no %j for a thread', async (thread) => {
    const { ann, type } = await newTalk();
    await expect(type(ann, one, thread)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'thread' });
  });
});

describe('whoever was removed from the chat', () => {
  it('hears nothing after the removal, in no process, though others go on typing', async () => {
    const { ann, chat } = await newTalk();
    const typing: ChatSignal = { type: 'typing', user: ann, thread: null };
    for (let round = 0; round < 10; round += 1) {
      const guest = await one.newUser();
      await one.memberships.add(null, chat.id, guest.id);
      const ears = [await listen(one, chat.id, guest), await listen(two, chat.id, guest)];
      const removing = one.memberships.remove(null, chat.id, guest.id);
      let isRemoved = false;
      void removing.then(() => {
        isRemoved = true;
      });
      while (!isRemoved) {
        one.signals.publish(chat.id, typing);
        await new Promise((resolve) => setImmediate(resolve));
      }
      // In the same turn of the event loop, before the removal is delivered.
      one.signals.publish(chat.id, typing);
      for (const ear of ears) {
        await waitUntil('the removal is heard', 5000, () => ear.ended !== undefined);
        const removal = ear.heard.findIndex(({ type }) => type === 'member.removed');
        expect(ear.heard.slice(removal + 1)).toEqual([]);
        expect(ear.ended).toBe('removed');
      }
    }
  });
});

describe('receipts', () => {
  const reads = (ear: Ear) => ear.signals.flatMap((signal) => (signal.type === 'receipts' ? [signal.reads] : []));

  it('are told together, of each user the newest', async () => {
    const { ann, bob, chat } = await newTalk();
    const ear = await listen(two, chat.id, ann);
    for (let seq = 1; seq <= 100; seq += 1) one.receipts.read({ chatId: chat.id, userId: ann.id, seq });
    for (const seq of [2, 9, 5]) one.receipts.read({ chatId: chat.id, userId: bob.id, seq });
    await waitUntil('they are told', 5000, () => reads(ear).length > 0);
    expect(reads(ear)).toEqual([
      [
        { userId: ann.id, seq: 100 },
        { userId: bob.id, seq: 9 },
      ],
    ]);
  });

  it('of many are told in several signals', async () => {
    const { ann, chat } = await newTalk();
    const ear = await listen(one, chat.id, ann);
    const userIds = Array.from({ length: 60 }, () => crypto.randomUUID());
    for (const userId of userIds) one.receipts.read({ chatId: chat.id, userId, seq: 1 });
    await waitUntil('all are told', 5000, () => reads(ear).flat().length === 60);
    expect(reads(ear).map((list) => list.length)).toEqual([50, 10]);
    expect(reads(ear).flatMap((list) => list.map(({ userId }) => userId))).toEqual(userIds);
  });

  it('are not told in a chat above the limit', async () => {
    // The second process tells chats of at most three members.
    const [small, large] = [await newTalk(), await newTalk()];
    await one.memberships.add(null, large.chat.id, small.ann.id);
    const ears = [await listen(one, large.chat.id, large.ann), await listen(one, small.chat.id, small.ann)];
    for (const { chat, bob } of [large, small]) two.receipts.read({ chatId: chat.id, userId: bob.id, seq: 3 });
    await waitUntil('the small one is told', 5000, () => ears.some((ear) => reads(ear).length > 0));
    expect(ears.map((ear) => reads(ear).length)).toEqual([0, 1]);
  });
});

it('a chat’s signals are listened to as long as somebody is there', async () => {
  const { ann, bob, chat } = await newTalk();
  const before = two.signals.size;
  const open = (user: UserProfile) =>
    two.chatStreams.open({ chatId: chat.id, viewer: () => viewerOf(user) }, new Ear());
  const streams = [await open(ann), await open(bob)];
  expect(two.signals.size).toBe(before + 1);
  for (const stream of streams) stream.close();
  expect(two.signals.size).toBe(before);
});

it('a payload that is no signal is left aside', async () => {
  const { ann, bob, chat, type } = await newTalk();
  const ear = await listen(one, chat.id, bob);
  const errors = one.errors.length;
  for (const payload of ['', 'null', '{}', '{"type":"typing"}', '{"type":"receipts","reads":[{}]}'])
    await two.bus.publish(`signals:${chat.id}`, payload);
  await type(ann, two);
  await waitUntil('what comes after it is heard', 5000, () => ear.typists.length > 0);
  expect(ear.signals).toHaveLength(1);
  expect(one.errors.length - errors).toBe(1);
});
