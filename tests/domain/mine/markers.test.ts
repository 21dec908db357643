import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Messages } from '../../../src/domain/messages/messages.js';
import { Threads } from '../../../src/domain/messages/threads.js';
import type { ReadReceipt } from '../../../src/domain/mine/callbacks.js';
import { mineServices } from '../../../src/domain/mine/services.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, viewerOf } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

/** Long enough for a machine that is busy. */
const INTERVAL_MS = 700;

let services: Awaited<ReturnType<typeof startOwnServices>>;
let mine: ReturnType<typeof mineServices>['mine'];
let close: () => Promise<void>;
let ann: UserProfile;
let bob: UserProfile;
const told = { states: [] as [string, readonly string[]][], reads: [] as ReadReceipt[] };

beforeAll(async () => {
  services = await startOwnServices();
  [ann, bob] = [await services.newUser(), await services.newUser()];
  await services.db.pool.query(`
    CREATE TABLE marker_writes (chat_id uuid, user_id uuid, read_seq int, xid bigint);
    CREATE FUNCTION note_marker() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO marker_writes VALUES (NEW.chat_id, NEW.user_id, NEW.read_seq, NEW.state_mark); RETURN NEW; END $$;
    CREATE TRIGGER note_marker AFTER UPDATE ON chat_memberships FOR EACH ROW EXECUTE FUNCTION note_marker()`);
});

afterAll(() => services.close());

/** Another process for each test, with its own second. */
beforeEach(() => {
  told.states = [];
  told.reads = [];
  ({ mine, close } = mineServices(
    services.db,
    {
      stateChanged: (userId, chatIds) => told.states.push([userId, chatIds]),
      read: (receipt) => told.reads.push(receipt),
    },
    { markerIntervalMs: INTERVAL_MS },
  ));
});

afterEach(() => close());

/** A chat of ann and bob with this many messages of bob's; its numbers are 1 and 2 for the members, then the messages. */
async function newTalk(messages = 3, ...members: UserProfile[]) {
  const { id: chatId } = await services.newChat(ann, bob, ...members);
  const send = (thread?: string) => services.messages.send(viewerOf(bob), { chatId, content: 'hi', thread });
  const sent: Awaited<ReturnType<typeof send>>[] = [];
  for (let count = 0; count < messages; count += 1) sent.push(await send());
  return { chatId, send, sent };
}

const writesTo = async (chatId: string) =>
  (
    await services.db.pool.query<{ user_id: string; read_seq: number; xid: string }>(
      'SELECT user_id, read_seq, xid FROM marker_writes WHERE chat_id = $1',
      [chatId],
    )
  ).rows;

describe('markRead', () => {
  it('moves forward only, and says what the chat is then', async () => {
    const { chatId } = await newTalk();
    const mark = (seq: number) => mine.markers.markRead(viewerOf(ann), { chatId, seq });
    expect(await mark(4)).toEqual({
      ...{ chatId, role: 'member', readSeq: 4, notify: 'all', hidden: false, mutedUntil: null },
      unread: { messages: 1, capped: false, mentions: 0, threads: 0, firstSeq: 5 },
    });
    expect(await mark(3)).toMatchObject({ readSeq: 4 });
    expect(await mark(4)).toMatchObject({ readSeq: 4 });
    expect(await mark(0)).toMatchObject({ readSeq: 4 });
    expect(told).toEqual({ states: [[ann.id, [chatId]]], reads: [{ chatId, userId: ann.id, seq: 4 }] });
  });

  it('of several devices at once is written once, and all are told the merged state', async () => {
    const { chatId } = await newTalk(10);
    const answers = await Promise.all(
      [3, 9, 5, 12, 7].map((seq) => mine.markers.markRead(viewerOf(ann), { chatId, seq })),
    );
    expect(answers.map(({ readSeq }) => readSeq)).toEqual([12, 12, 12, 12, 12]);
    expect(await writesTo(chatId)).toMatchObject([{ read_seq: 12 }]);
    expect(told.reads).toEqual([{ chatId, userId: ann.id, seq: 12 }]);
  });

  it('of many users in many chats is one transaction', async () => {
    const talks = [await newTalk(), await newTalk(), await newTalk()];
    const marks = talks.flatMap(({ chatId }) =>
      [ann, bob].map((user) => mine.markers.move(viewerOf(user), { chatId, seq: 4 })),
    );
    await Promise.all(marks);
    const writes = (await Promise.all(talks.map(({ chatId }) => writesTo(chatId)))).flat();
    expect(writes).toHaveLength(6);
    expect(new Set(writes.map(({ xid }) => xid)).size).toBe(1);
    expect(told.states).toEqual(
      expect.arrayContaining([ann, bob].map(({ id }) => [id, expect.arrayContaining(talks.map((t) => t.chatId))])),
    );
  });

  it('is written at most once in an interval for a user and chat, however many calls there are', async () => {
    const { chatId } = await newTalk(100);
    const began = performance.now();
    await mine.markers.markRead(viewerOf(ann), { chatId, seq: 3 });
    const waves: Promise<unknown>[] = [];
    for (let seq = 4; seq < 90; seq += 1) {
      waves.push(mine.markers.move(viewerOf(ann), { chatId, seq }));
      if (seq % 10 === 0) await sleep(1);
    }
    // Others, and other chats, do not wait for it.
    await mine.markers.markRead(viewerOf(bob), { chatId, seq: 50 });
    await mine.markers.markRead(viewerOf(ann), { chatId: (await newTalk()).chatId, seq: 3 });
    await Promise.all(waves);
    const took = performance.now() - began;
    const writes = (await writesTo(chatId)).filter(({ user_id }) => user_id === ann.id);
    expect(writes.length).toBeLessThanOrEqual(1 + Math.ceil(took / INTERVAL_MS));
    expect(writes.at(-1)).toMatchObject({ read_seq: 89 });
    expect(took).toBeGreaterThan(0.9 * INTERVAL_MS);
  });

  it('answers at once what need not be written, while other calls wait', async () => {
    const { chatId } = await newTalk(10);
    await mine.markers.markRead(viewerOf(ann), { chatId, seq: 5 });
    let isWritten = false;
    const waiting = mine.markers.markRead(viewerOf(ann), { chatId, seq: 9 }).then(() => {
      isWritten = true;
    });
    expect(await mine.markers.markRead(viewerOf(ann), { chatId, seq: 5 })).toMatchObject({ readSeq: 5 });
    await expect(mine.markers.markRead(viewerOf(ann), { chatId, seq: 99 })).rejects.toMatchObject({ field: 'seq' });
    expect(isWritten).toBe(false);
    await waiting;
    // A call that found nothing to write left no interval behind.
    await mine.markers.markRead(viewerOf(bob), { chatId, seq: 0 });
    const began = performance.now();
    await mine.markers.markRead(viewerOf(bob), { chatId, seq: 5 });
    expect(performance.now() - began).toBeLessThan(INTERVAL_MS);
  });

  it('that waits is written when the process ends', async () => {
    const { chatId } = await newTalk(10);
    await mine.markers.move(viewerOf(ann), { chatId, seq: 5 });
    const waiting = mine.markers.move(viewerOf(ann), { chatId, seq: 9 });
    await new Promise((resolve) => setImmediate(resolve));
    await close();
    await waiting;
    expect(await writesTo(chatId)).toMatchObject([{ read_seq: 5 }, { read_seq: 9 }]);
  });

  it('refuses calls of a user of whom a hundred wait', async () => {
    const { chatId } = await newTalk(150);
    await mine.markers.move(viewerOf(ann), { chatId, seq: 5 });
    const calls = Array.from({ length: 120 }, (_, index) =>
      mine.markers.move(viewerOf(ann), { chatId, seq: 6 + index }),
    );
    const refused = (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({
      reason: { code: 'RATE_LIMITED', rule: 'marker.rate', retryAfterMs: INTERVAL_MS },
    });
  });

  it('refuses numbers that the chat does not have, and threads that are none', async () => {
    const { chatId, sent } = await newTalk();
    const mark = (input: object) => mine.markers.markRead(viewerOf(ann), { chatId, seq: 4, ...input });
    for (const seq of [-1, 6, 2 ** 31, 1.5, Number.NaN])
      await expect(mark({ seq }), String(seq)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'seq' });
    for (const thread of ['x', crypto.randomUUID(), sent[0]?.id])
      await expect(mark({ thread }), thread).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'thread' });
    expect(await writesTo(chatId)).toEqual([]);
    expect(told.states).toEqual([]);
  });

  it('is for members', async () => {
    const { chatId } = await newTalk();
    const [stranger, admin] = [await services.newUser(), await services.newUser('admin')];
    const mark = (user: UserProfile, input: object = {}) =>
      mine.markers.markRead(viewerOf(user), { chatId, seq: 3, ...input });
    await expect(mark(stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(mark(admin)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.not_member' });
    for (const unknown of [crypto.randomUUID(), 'x'])
      await expect(mark(admin, { chatId: unknown })).rejects.toMatchObject({ code: 'NOT_FOUND', rule: undefined });
    await services.memberships.remove(null, chatId, ann.id);
    await expect(mark(ann)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(mine.markers.move(viewerOf(bob, ['read']), { chatId, seq: 3 })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await services.chatStates.of(ann.id, [chatId])).toEqual([]);
    expect((await writesTo(chatId)).map(({ read_seq }) => read_seq)).toEqual([0]);
  });

  it('says nothing of a direct chat to an admin who is none of the two', async () => {
    const { chatId } = await services.directChats.open(await services.newViewer(ann), bob.id);
    const admin = viewerOf(await services.newUser('admin'));
    const calls = [
      () => mine.markers.markRead(admin, { chatId, seq: 1 }),
      () => mine.markers.markUnread(admin, chatId, 1),
      () => mine.chatPreferences.set(admin, { chatId, hidden: true }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await mine.markers.markRead(viewerOf(bob), { chatId, seq: 2 })).toMatchObject({ readSeq: 2 });
  });

  it('of a reader is no less', async () => {
    const { chatId } = await newTalk();
    await services.memberships.setRole(null, chatId, ann.id, 'reader');
    expect(await mine.markers.markRead(viewerOf(ann), { chatId, seq: 5 })).toMatchObject({
      readSeq: 5,
      role: 'reader',
    });
  });
});

describe('markRead of a thread', () => {
  it('moves the marker of the thread alone, and tells of the chat’s state', async () => {
    const { chatId, send, sent } = await newTalk();
    const root = sent[0]?.id;
    await send(root);
    const reply = await send(root);
    await services.threads.follow(viewerOf(ann), chatId, root ?? '', true);
    await send(root);
    const before = await services.chatStates.of(ann.id, [chatId]);
    expect(before).toMatchObject([{ readSeq: 0, unread: { threads: 1, messages: 3 } }]);
    const state = await mine.markers.markRead(viewerOf(ann), { chatId, seq: reply.seq + 1, thread: root });
    expect(state).toMatchObject({ readSeq: 0, unread: { threads: 0, messages: 3 } });
    expect(told).toEqual({ states: [[ann.id, [chatId]]], reads: [] });
    const place = { chatId, rootSeq: sent[0]?.seq ?? 0 };
    expect(await services.threads.states(ann.id, [place])).toMatchObject([{ readSeq: reply.seq + 1, unread: 0 }]);
    const { rows } = await services.db.pool.query(
      `SELECT p.state_mark = f.mark AS same FROM chat_memberships p JOIN thread_follows f USING (chat_id, user_id) WHERE user_id = $1 AND chat_id = $2`,
      [ann.id, chatId],
    );
    expect(rows).toEqual([{ same: true }]);
  });

  it('keeps the marker of who does not follow, and follows nothing', async () => {
    const { chatId, send, sent } = await newTalk();
    const root = sent[0]?.id ?? '';
    const reply = await send(root);
    await mine.markers.move(viewerOf(ann), { chatId, seq: reply.seq, thread: root.toUpperCase() });
    const place = { chatId, rootSeq: sent[0]?.seq ?? 0 };
    expect(await services.threads.states(ann.id, [place])).toMatchObject([
      { following: false, readSeq: reply.seq, unread: 0 },
    ]);
    await send(root);
    expect(await services.threads.states(ann.id, [place])).toMatchObject([{ following: false, unread: 1 }]);
    expect(await services.chatStates.of(ann.id, [chatId])).toMatchObject([{ unread: { threads: 0 } }]);
  });
});

describe('followThread', () => {
  it('changes the chat’s state when something changes, and says so', async () => {
    const { chatId, send, sent } = await newTalk();
    const root = sent[0]?.id ?? '';
    await send(root);
    const heard: [string, string][] = [];
    const threads = new Threads(services.db, {}, (userId, chat) => heard.push([userId, chat]));
    const mark = async () =>
      (
        await services.db.pool.query<{ mark: string }>(
          'SELECT state_mark AS mark FROM chat_memberships WHERE chat_id = $1 AND user_id = $2',
          [chatId, ann.id],
        )
      ).rows[0]?.mark;
    const before = await mark();
    await threads.follow(viewerOf(ann), chatId, root, false);
    expect([await mark(), heard]).toEqual([before, []]);
    await threads.follow(viewerOf(ann), chatId, root, true);
    const followed = await mark();
    expect(Number(followed)).toBeGreaterThan(Number(before));
    await threads.follow(viewerOf(ann), chatId, root, true);
    expect([await mark(), heard]).toEqual([followed, [[ann.id, chatId]]]);
    await threads.follow(viewerOf(ann), chatId, root, false);
    expect(Number(await mark())).toBeGreaterThan(Number(followed));
    expect(heard).toHaveLength(2);
  });
});

it('a message to a direct chat says whose state it has changed: who hid it sees it again', async () => {
  const [one, other] = [await services.newUser(), await services.newUser()];
  const { chatId } = await services.directChats.open(await services.newViewer(one), other.id);
  await mine.chatPreferences.set(viewerOf(other), { chatId, hidden: true });
  const heard: [string, string][] = [];
  const told = (userId: string, chat: string) => heard.push([userId, chat]);
  const messages = new Messages(services.db, () => {}, told, { mentionAllLimit: 1000, botSendsPerSecond: 50 });
  for (const content of ['hi', 'again']) await messages.send(viewerOf(one), { chatId, content });
  await vi.waitFor(() => expect(heard).toEqual([[other.id, chatId]]));
  expect(await services.chatStates.of(other.id, [chatId])).toMatchObject([{ hidden: false, unread: { messages: 2 } }]);
});

describe('markUnread', () => {
  it('goes back and never forward', async () => {
    const { chatId } = await newTalk();
    const unmark = (fromSeq: number) => mine.markers.markUnread(viewerOf(ann), chatId, fromSeq);
    await mine.markers.move(viewerOf(ann), { chatId, seq: 5 });
    told.states = [];
    told.reads = [];
    expect(await unmark(4)).toMatchObject({ readSeq: 3, unread: { messages: 2, firstSeq: 4 } });
    expect(await unmark(5)).toMatchObject({ readSeq: 3 });
    expect(await unmark(4)).toMatchObject({ readSeq: 3 });
    expect(told).toEqual({ states: [[ann.id, [chatId]]], reads: [] });
    expect(await unmark(1)).toMatchObject({ readSeq: 0, unread: { messages: 3 } });
  });

  it('refuses numbers that the chat does not have, and who is no member', async () => {
    const { chatId } = await newTalk();
    for (const fromSeq of [0, -1, 6, 2 ** 31, 1.5])
      await expect(mine.markers.markUnread(viewerOf(ann), chatId, fromSeq)).rejects.toMatchObject({
        ...{ code: 'BAD_USER_INPUT', field: 'fromSeq' },
      });
    await expect(mine.markers.markUnread(viewerOf(await services.newUser()), chatId, 1)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(mine.markers.markUnread(viewerOf(await services.newUser('admin')), chatId, 1)).rejects.toMatchObject({
      ...{ code: 'FORBIDDEN', rule: 'chat.not_member' },
    });
  });
});

describe('markAllRead', () => {
  it('moves chats and followed threads, in one transaction, and tells of what moved', async () => {
    const user = await services.newUser();
    const talks = [await newTalk(3, user), await newTalk(3, user), await newTalk(3, user)];
    const [one, two, three] = talks;
    const root = one?.sent[0]?.id ?? '';
    await one?.send(root);
    await services.threads.follow(viewerOf(user), one?.chatId ?? '', root, true);
    await one?.send(root);
    const states = async () => {
      const read = await services.chatStates.of(
        user.id,
        talks.map(({ chatId }) => chatId),
      );
      return talks.map(({ chatId }) => read.find((state) => state.chatId === chatId)?.unread);
    };
    expect(await states()).toMatchObject([{ messages: 3, threads: 1 }, { messages: 3 }, { messages: 3 }]);
    await mine.markers.markAllRead(viewerOf(user), [
      one?.chatId ?? '',
      two?.chatId.toUpperCase() ?? '',
      one?.chatId ?? '',
    ]);
    expect(await states()).toMatchObject([{ messages: 0, threads: 0 }, { messages: 0 }, { messages: 3 }]);
    expect(told.states).toEqual([[user.id, expect.arrayContaining([one?.chatId, two?.chatId])]]);
    expect(told.reads).toHaveLength(2);
    expect(told.reads).toContainEqual({ chatId: one?.chatId, userId: user.id, seq: 8 });
    await mine.markers.markAllRead(viewerOf(user));
    expect(await states()).toMatchObject([{ messages: 0 }, { messages: 0 }, { messages: 0 }]);
    expect(told.states.slice(1)).toEqual([[user.id, [three?.chatId]]]);
    const writes = (await Promise.all(talks.map(({ chatId }) => writesTo(chatId)))).flat();
    // Of follow, of the first call for two chats, and of the second for one.
    expect(new Set(writes.map(({ xid }) => xid)).size).toBe(3);
    await mine.markers.markAllRead(viewerOf(user));
    expect(told.states).toHaveLength(2);
  });

  it('moves the marker of a thread in a chat that is read', async () => {
    const { chatId, send, sent } = await newTalk();
    const root = sent[0]?.id ?? '';
    await send(root);
    await services.threads.follow(viewerOf(ann), chatId, root, true);
    const { seq } = await send(root);
    await mine.markers.move(viewerOf(ann), { chatId, seq });
    told.reads = [];
    await mine.markers.markAllRead(viewerOf(ann), [chatId]);
    expect(await services.chatStates.of(ann.id, [chatId])).toMatchObject([{ unread: { threads: 0 } }]);
    expect(told.reads).toEqual([]);
    expect(told.states).toHaveLength(2);
  });

  it('moves nothing when one of the chats is not the user’s', async () => {
    const { chatId } = await newTalk();
    const other = await services.newChat(bob);
    for (const id of [other.id, crypto.randomUUID(), 'x'])
      await expect(mine.markers.markAllRead(viewerOf(ann), [chatId, id])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await writesTo(chatId)).toEqual([]);
    const many = Array.from({ length: 501 }, () => chatId);
    await expect(mine.markers.markAllRead(viewerOf(ann), many)).rejects.toMatchObject({
      ...{ code: 'BAD_USER_INPUT', field: 'chatIds' },
    });
    await mine.markers.markAllRead(viewerOf(ann), []);
    expect(await writesTo(chatId)).toEqual([]);
  });
});

describe('setChatPreferences', () => {
  it('changes what is given, and says so once', async () => {
    const { chatId } = await newTalk();
    const set = (change: object) => mine.chatPreferences.set(viewerOf(ann), { chatId, ...change });
    expect(await set({ notify: 'none' })).toMatchObject({ notify: 'none', hidden: false });
    expect(await set({ hidden: true })).toMatchObject({ notify: 'none', hidden: true });
    expect(await set({ hidden: true, notify: 'none' })).toMatchObject({ notify: 'none', hidden: true });
    expect(await set({})).toMatchObject({ notify: 'none', hidden: true });
    expect(told.states).toEqual([
      [ann.id, [chatId]],
      [ann.id, [chatId]],
    ]);
    expect(await set({ notify: null, hidden: false })).toMatchObject({ notify: 'all', hidden: false });
    expect(told.states).toHaveLength(3);
  });

  it('is for members, and stays over leaving', async () => {
    const { chatId } = await newTalk();
    const set = (user: UserProfile) => mine.chatPreferences.set(viewerOf(user), { chatId, hidden: true });
    await expect(set(await services.newUser())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(set(await services.newUser('admin'))).rejects.toMatchObject({ rule: 'chat.not_member' });
    await set(ann);
    await services.memberships.remove(null, chatId, ann.id);
    await expect(set(ann)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await services.memberships.add(null, chatId, ann.id);
    expect(await services.chatStates.of(ann.id, [chatId])).toMatchObject([{ hidden: true, unread: { messages: 0 } }]);
  });
});

it.skipIf(testDatabaseSource().kind !== 'postgres')(
  'a locked membership holds up no other marker of its batch (skipped without PostgreSQL: the embedded database has one session)',
  async () => {
    const { chatId } = await newTalk();
    const client = await services.db.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM chat_memberships WHERE chat_id = $1 AND user_id = $2 FOR UPDATE', [
        chatId,
        ann.id,
      ]);
      const [free, ...locked] = await Promise.allSettled([
        mine.markers.move(viewerOf(bob), { chatId, seq: 4 }),
        mine.markers.move(viewerOf(ann), { chatId, seq: 4 }),
        mine.markers.markAllRead(viewerOf(ann), [chatId]),
        mine.chatPreferences.set(viewerOf(ann), { chatId, hidden: true }),
      ]);
      expect(free).toMatchObject({ status: 'fulfilled' });
      const busy = {
        status: 'rejected',
        reason: { code: 'SERVICE_UNAVAILABLE', message: expect.stringContaining('busy') },
      };
      expect(locked).toMatchObject([busy, busy, busy]);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    await mine.markers.move(viewerOf(ann), { chatId, seq: 4 });
    expect(await services.chatStates.of(ann.id, [chatId])).toMatchObject([{ readSeq: 4 }]);
  },
);
