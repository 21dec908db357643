import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';

const MENTION_ALL_LIMIT = 3;

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A second process on the same database. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices({ mentionAllLimit: MENTION_ALL_LIMIT });
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

async function newTalk() {
  const [ann, bob] = [await one.newUser(), await one.newUser()];
  const chat = await one.newChat(ann, bob);
  const send = (user: UserProfile, extras: SendExtras & { content?: string; nonce?: string } = {}) =>
    one.messages.send(viewerOf(user), { chatId: chat.id, content: 'hi', ...extras });
  return { ann, bob, chat, send };
}

/** The error as a client gets it. */
const refusalOf = (sending: Promise<ChatMessage>) =>
  sending.then(
    () => 'sent',
    (error: { code: string; field?: string; rule?: string; needs?: string }) =>
      [error.code, error.field, error.rule, error.needs].filter((part) => part !== undefined).join(' '),
  );

const headOf = async (chatId: string) => (await one.chatLog.heads([chatId]))[0]?.seq;

/** What the embedded and the real database hold of this thread. */
async function followsOf(chatId: string, rootSeq: number) {
  const rows = await one.db.prisma.threadFollow.findMany({ where: { chatId, rootSeq } });
  return Object.fromEntries(rows.map(({ userId, following, readSeq }) => [userId, { following, readSeq }]));
}

describe('a message with extras', () => {
  it('is answered, announced, paged and logged alike', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const quoted = await send(bob);
    const root = await send(bob);
    const metadata = { kind: 'poll', votes: [1, 2, null] };
    const given = { replyTo: quoted.id, thread: root.id, alsoInChat: true, mentions: [bob.id, ann.id], metadata };
    const sent = await send(ann, { content: ' all of it ', nonce: 'n', ...given });
    expect(sent).toMatchObject({
      ...{ chatId: chat.id, seq: 5, content: 'all of it', nonce: 'n', sender: ann },
      extras: {
        replyTo: { id: quoted.id, seq: quoted.seq },
        thread: { rootId: root.id, rootSeq: root.seq, alsoInChat: true },
        mentions: [bob, ann],
        mentionsAll: false,
        metadata,
        revision: 0,
      },
    });
    expect(Number.parseInt(sent.id.slice(-8), 16)).toBe(sent.seq);
    const messages = await one.chatLog.messages(chat.id, { last: 10 });
    expect(messages.at(-1)).toEqual(sent);
    expect(messages.at(-2)).toEqual(root);
    const head = { chatId: chat.id, epoch: chat.epoch, seq: 5 };
    expect((await one.chatLog.page(head, 4, 10)).events).toMatchObject([{ type: 'message.created', message: sent }]);
  });

  it('is plain when nothing is given', async () => {
    const { ann, send } = await newTalk();
    const given = { replyTo: null, thread: null, alsoInChat: false, mentions: [], mentionAll: false, metadata: null };
    expect(await send(ann, given)).not.toHaveProperty('extras');
  });

  it('stands in one batch with plain ones, in the order of arrival', async () => {
    const { ann, send } = await newTalk();
    const root = await send(ann);
    const sent = await Promise.all([
      send(ann),
      send(ann, { thread: root.id }),
      send(ann, { thread: crypto.randomUUID() }).catch(() => null),
      send(ann, { metadata: { a: 1 } }),
      send(ann),
    ]);
    expect(sent.map((message) => message?.seq)).toEqual([4, 5, undefined, 6, 7]);
    expect(sent.map((message) => message?.extras !== undefined)).toEqual([false, true, false, true, false]);
  });

  it('is in the main timeline unless it is a reply in a thread', async () => {
    const { ann, chat, send } = await newTalk();
    const root = await send(ann);
    await send(ann, { thread: root.id, content: 'in the thread' });
    await send(ann, { thread: root.id, content: 'in both', alsoInChat: true });
    await send(ann, { replyTo: root.id, content: 'in the chat' });
    const contents = (await one.chatLog.messages(chat.id, { last: 10 })).map(({ content }) => content);
    expect(contents).toEqual(['hi', 'in both', 'in the chat']);
  });
});

describe('a refusal', () => {
  const unknown = crypto.randomUUID();

  it.each<[string, SendExtras, string]>([
    ['a quote of no message', { replyTo: unknown }, 'BAD_USER_INPUT replyTo'],
    ['a quote by no id', { replyTo: 'x' }, 'BAD_USER_INPUT replyTo'],
    ['a thread of no message', { thread: unknown }, 'BAD_USER_INPUT thread'],
    ['a thread by no id', { thread: 'x' }, 'BAD_USER_INPUT thread'],
    ['alsoInChat outside a thread', { alsoInChat: true }, 'BAD_USER_INPUT alsoInChat'],
    ['a mention of nobody', { mentions: [unknown] }, 'BAD_USER_INPUT mentions'],
    ['a mention by no id', { mentions: ['x'] }, 'BAD_USER_INPUT mentions'],
    ['a mention of everybody by a member', { mentionAll: true }, 'FORBIDDEN chat.role moderator'],
    ['metadata that is no object', { metadata: 'x' }, 'BAD_USER_INPUT metadata'],
  ])('of %s takes no number', async (_what, extras, refusal) => {
    const { ann, chat, send } = await newTalk();
    expect(await refusalOf(send(ann, extras))).toBe(refusal);
    expect(await headOf(chat.id)).toBe(2);
  });

  it('of what is in another chat is as of what is nowhere', async () => {
    const [here, there] = [await newTalk(), await newTalk()];
    const { id } = await there.send(there.ann);
    expect(await refusalOf(here.send(here.ann, { replyTo: id }))).toBe('BAD_USER_INPUT replyTo');
    expect(await refusalOf(here.send(here.ann, { thread: id }))).toBe('BAD_USER_INPUT thread');
    expect(await refusalOf(here.send(here.ann, { mentions: [there.ann.id] }))).toBe('BAD_USER_INPUT mentions');
  });

  it('of a thread in a thread holds for replies that are in the main timeline too', async () => {
    const { ann, send } = await newTalk();
    const root = await send(ann);
    const reply = await send(ann, { thread: root.id });
    const both = await send(ann, { thread: root.id, alsoInChat: true });
    for (const { id } of [reply, both]) {
      expect(await refusalOf(send(ann, { thread: id }))).toBe('BAD_USER_INPUT thread');
      expect(await refusalOf(send(ann, { replyTo: id }))).toBe('sent');
    }
  });

  it('of a deleted message: no quote, and a thread only while it has replies', async () => {
    const { ann, chat, send } = await newTalk();
    const [bare, root] = [await send(ann), await send(ann)];
    await send(ann, { thread: root.id });
    await one.db.pool.query(
      "UPDATE messages SET flags = flags | 1, content = '' WHERE chat_id = $1 AND seq = ANY ($2)",
      [chat.id, [bare.seq, root.seq]],
    );
    expect(await refusalOf(send(ann, { replyTo: root.id }))).toBe('CONFLICT replyTo message.deleted');
    expect(await refusalOf(send(ann, { thread: bare.id }))).toBe('BAD_USER_INPUT thread');
    expect(await refusalOf(send(ann, { thread: root.id }))).toBe('sent');
  });

  it('of a mention: former members and accounts that are switched off', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const gone = await one.newUser();
    await one.memberships.add(null, chat.id, gone.id);
    await one.memberships.remove(null, chat.id, gone.id);
    expect(await refusalOf(send(ann, { mentions: [bob.id, gone.id] }))).toBe('BAD_USER_INPUT mentions');
    await one.db.prisma.user.update({ where: { id: bob.id }, data: { isActive: false } });
    expect(await refusalOf(send(ann, { mentions: [bob.id] }))).toBe('BAD_USER_INPUT mentions');
  });

  it('of a mention of everybody depends on the role and on how many they are', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const admin = await one.newUser('admin');
    await one.memberships.setRole(null, chat.id, ann.id, 'moderator');
    await one.memberships.setRole(null, chat.id, bob.id, 'owner');
    const refusals = async () =>
      Promise.all([ann, bob, admin].map((user) => refusalOf(send(user, { mentionAll: true }))));
    expect(await refusals()).toEqual(['sent', 'sent', 'sent']);
    for (let count = 2; count <= MENTION_ALL_LIMIT; count += 1)
      await one.memberships.add(null, chat.id, (await one.newUser()).id);
    expect(await refusals()).toEqual(['FORBIDDEN chat.role owner', 'sent', 'sent']);
    const [newest] = await one.chatLog.messages(chat.id, { last: 1 });
    expect(newest?.extras?.mentionsAll).toBe(true);
  });
});

describe('a repeated nonce', () => {
  it('gives the first message, whatever else differs than content, thread and replyTo', async () => {
    const { ann, bob, send } = await newTalk();
    const [root, other] = [await send(bob), await send(bob)];
    const given = { nonce: 'n', thread: root.id, replyTo: other.id };
    const first = await send(ann, { ...given, metadata: { a: 1 } });
    expect(await send(ann, { ...given, mentions: [bob.id], alsoInChat: true })).toEqual(first);
    expect(await Promise.all([send(ann, given), send(ann, given)])).toEqual([first, first]);
    for (const changed of [
      { content: 'ho' },
      { thread: other.id },
      { replyTo: root.id },
      { thread: null },
      { replyTo: null },
    ])
      expect(await refusalOf(send(ann, { ...given, ...changed }))).toBe('NONCE_REUSED nonce');
  });

  it('of a plain message compares likewise, also when it has a thread by now', async () => {
    const { ann, bob, send } = await newTalk();
    const first = await send(ann, { nonce: 'n' });
    expect(await refusalOf(send(ann, { nonce: 'n', replyTo: first.id }))).toBe('NONCE_REUSED nonce');
    expect(await send(ann, { nonce: 'n', metadata: { a: 1 } })).toEqual(first);
    await send(bob, { thread: first.id });
    expect(await send(ann, { nonce: 'n' })).toEqual(first);
    expect(await refusalOf(send(ann, { nonce: 'n', content: 'ho' }))).toBe('NONCE_REUSED nonce');
  });

  it('decides alone once the message was edited or deleted, and gives the message as it is now', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const root = await send(bob);
    const sent = await send(ann, { nonce: 'n', thread: root.id });
    await one.db.pool.query('UPDATE message_extras SET revision = 1 WHERE chat_id = $1 AND seq = $2', [
      chat.id,
      sent.seq,
    ]);
    await one.db.pool.query("UPDATE messages SET content = 'edited' WHERE chat_id = $1 AND seq = $2", [
      chat.id,
      sent.seq,
    ]);
    const edited = { id: sent.id, content: 'edited', extras: { revision: 1 } };
    expect(await send(ann, { nonce: 'n', thread: root.id })).toMatchObject(edited);
    expect(await send(ann, { nonce: 'n', content: 'whatever' })).toMatchObject(edited);
  });

  it('sent by two processes at once is stored once', async () => {
    const { ann, chat, send } = await newTalk();
    const root = await send(ann);
    const again = { chatId: chat.id, content: 'once', nonce: 'n', thread: root.id };
    const sends = [one, two, one, two].map(({ messages }) => messages.send(viewerOf(ann), again));
    expect(new Set((await Promise.all(sends)).map(({ id }) => id)).size).toBe(1);
    expect(await one.db.prisma.thread.findFirst({ where: { chatId: chat.id } })).toMatchObject({ replyCount: 1 });
  });
});

describe('who follows a thread', () => {
  it('is who owns or is named in its root, replies, or is named in a reply, each from there on', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const [cid, dan] = [await one.newUser(), await one.newUser()];
    for (const { id } of [cid, dan]) await one.memberships.add(null, chat.id, id);
    const root = await send(ann, { mentions: [cid.id] });
    expect(await followsOf(chat.id, root.seq)).toEqual({});
    const reply = await send(bob, { thread: root.id, mentions: [bob.id] });
    const named = await send(bob, { thread: root.id, mentions: [dan.id, ann.id] });
    expect(await followsOf(chat.id, root.seq)).toEqual({
      [ann.id]: { following: true, readSeq: root.seq },
      [cid.id]: { following: true, readSeq: root.seq },
      [bob.id]: { following: true, readSeq: reply.seq },
      [dan.id]: { following: true, readSeq: named.seq - 1 },
    });
  });

  it('is who stopped only after replying or being named again, with the marker that there was', async () => {
    const { ann, bob, chat, send } = await newTalk();
    const root = await send(ann);
    await send(bob, { thread: root.id });
    const readSeq = root.seq;
    await one.db.prisma.threadFollow.updateMany({
      where: { chatId: chat.id, userId: ann.id },
      data: { following: false },
    });
    await send(bob, { thread: root.id });
    expect((await followsOf(chat.id, root.seq))[ann.id]).toEqual({ following: false, readSeq });
    await send(bob, { thread: root.id, mentions: [ann.id] });
    expect((await followsOf(chat.id, root.seq))[ann.id]).toEqual({ following: true, readSeq });
  });
});
