import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChatRole } from '../../../src/domain/chat-role.js';
import type { ChatEvent } from '../../../src/domain/log/chat-events.js';
import { type ChatMessage, extrasOf } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;
let annViewer: Viewer;
let bobViewer: Viewer;
let moderator: Viewer;
let stranger: Viewer;
let admin: Viewer;
let moderatorUser: UserProfile;
/** A chat of ann, bob and a moderator. */
let chat: { id: string; epoch: string };

beforeAll(async () => {
  services = await startOwnServices({ editWindowSeconds: 3600 });
  [ann, bob, moderatorUser] = [await services.newUser(), await services.newUser(), await services.newUser()];
  [annViewer, bobViewer] = [await services.newViewer(ann), await services.newViewer(bob)];
  moderator = await services.newViewer(moderatorUser);
  stranger = await services.newViewer(await services.newUser());
  admin = await services.newViewer(await services.newUser('admin'));
});

afterAll(() => services.close());

beforeEach(async () => {
  chat = await services.newChat(ann, bob, moderatorUser);
  await services.memberships.setRole(null, chat.id, moderatorUser.id, 'moderator');
});

function say(content: string, nonce?: string, viewer: Viewer = annViewer): Promise<ChatMessage> {
  return services.messages.send(viewer, { chatId: chat.id, content, nonce });
}

const target = ({ id }: { id: string }) => ({ chatId: chat.id, messageId: id });

/** The chat's log behind this number, as a reader of the log gets it. */
async function eventsAfter(seq: number): Promise<readonly ChatEvent[]> {
  const [head] = await services.chatLog.heads([chat.id]);
  if (!head) throw new Error('The chat is gone.');
  return (await services.chatLog.page(head, seq, 500)).events;
}

async function head(): Promise<number> {
  const [{ seq } = { seq: 0 }] = await services.chatLog.heads([chat.id]);
  return seq;
}

async function stored(message: ChatMessage): Promise<ChatMessage | null> {
  const [read] = await services.chatLog.messagesById([{ chatId: chat.id, id: message.id }]);
  return read ?? null;
}

async function historyOf(message: ChatMessage): Promise<string[]> {
  const history = await services.messageHistories.read(message, { first: 1000, after: -1 });
  return history.map(({ revision, content }) => `${revision} ${content}`);
}

const setRole = (user: UserProfile, role: ChatRole) => services.memberships.setRole(null, chat.id, user.id, role);

async function inThePast(message: ChatMessage, interval: string): Promise<void> {
  const { pool } = services.db;
  const of = [chat.id, message.seq, interval];
  await pool.query('UPDATE messages SET created_at = created_at - $3::interval WHERE chat_id = $1 AND seq = $2', of);
  await editsInThePast(message, interval);
}

async function editsInThePast(message: ChatMessage, interval: string): Promise<void> {
  await services.db.pool.query('UPDATE message_revisions SET at = at - $3::interval WHERE chat_id = $1 AND seq = $2', [
    chat.id,
    message.seq,
    interval,
  ]);
}

describe('an edit', () => {
  it('takes a number, shows the new words, and keeps the former ones', async () => {
    const message = await say('helo');
    const edited = await services.messageChanges.edit(annViewer, {
      ...target(message),
      content: ' hello ',
      revision: 0,
    });
    expect(edited).toMatchObject({ id: message.id, seq: message.seq, content: 'hello', extras: { revision: 1 } });
    expect(await stored(message)).toEqual(edited);
    const events = await eventsAfter(message.seq - 1);
    expect(events).toMatchObject([
      { type: 'message.created', seq: message.seq, message: { content: 'hello', extras: { revision: 1 } } },
      { type: 'message.edited', seq: message.seq + 1, actor: { id: ann.id }, message: { content: 'hello' } },
    ]);
    expect(events[1]?.at).toBe(edited.extras?.editedAt);
    expect(await services.messageHistories.read(message, { first: 10, after: -1 })).toEqual([
      { revision: 0, content: 'helo', at: message.createdAt, editor: ann },
    ]);
  });

  it('that changes nothing takes no number', async () => {
    const message = await say('hello');
    const edit = { ...target(message), content: 'hello', mentions: [bob.id], metadata: { a: 1, b: null } };
    const edited = await services.messageChanges.edit(annViewer, edit);
    expect(edited.extras).toMatchObject({ revision: 1, mentions: [bob], metadata: { a: 1, b: null } });
    for (const { mentions, metadata, ...same } of [
      { ...edit, metadata: { b: null, a: 1 } },
      { ...edit, mentions: undefined, metadata: undefined },
    ])
      expect(await services.messageChanges.edit(annViewer, { ...same, mentions, metadata })).toEqual(edited);
    expect(await head()).toBe(message.seq + 1);
    expect(await historyOf(message)).toEqual(['0 hello']);
  });

  it('makes whom it names in a thread follow the thread, with the reply unread', async () => {
    const root = await say('root');
    const reply = await services.messages.send(bobViewer, { chatId: chat.id, content: 'reply', thread: root.id });
    const edit = { ...target(reply), content: 'reply', mentions: [moderatorUser.id] };
    await services.messageChanges.edit(bobViewer, edit);
    const follow = { userId: moderatorUser.id, chatId: chat.id, rootSeq: root.seq };
    expect(
      await services.db.prisma.threadFollow.findUniqueOrThrow({ where: { userId_chatId_rootSeq: follow } }),
    ).toMatchObject({ following: true, readSeq: reply.seq - 1 });
  });

  it('takes mentions and metadata away where they are given as null', async () => {
    const message = await say('hello');
    const content = 'hello';
    await services.messageChanges.edit(annViewer, { ...target(message), content, mentions: [bob.id], metadata: {} });
    const edited = await services.messageChanges.edit(annViewer, {
      ...target(message),
      ...{ content, mentions: null, metadata: null },
    });
    expect(edited.extras).toMatchObject({ revision: 2, mentions: [], metadata: null });
    expect(await services.db.prisma.mention.count({ where: { chatId: chat.id } })).toBe(0);
  });

  it('gives an added mention its own number, and keeps the others, members or not', async () => {
    const message = await say('hello');
    const edit = (mentions: string[]) =>
      services.messageChanges.edit(annViewer, { ...target(message), content: 'hello', mentions });
    await edit([bob.id]);
    await services.memberships.remove(null, chat.id, bob.id);
    const { extras } = await edit([moderatorUser.id, bob.id]);
    expect(extras?.mentions.map(({ id }) => id)).toEqual([moderatorUser.id, bob.id]);
    const rows = await services.db.prisma.mention.findMany({ where: { chatId: chat.id }, orderBy: { atSeq: 'asc' } });
    expect(rows.map(({ userId, atSeq }) => [userId, atSeq])).toEqual([
      [bob.id, message.seq + 1],
      [moderatorUser.id, message.seq + 3],
    ]);
    await edit([moderatorUser.id]);
    const before = await head();
    await expect(edit([moderatorUser.id, bob.id])).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'mentions' });
    expect(await head()).toBe(before);
  });

  it('with the same revision as another loses: one wins, one gets CONFLICT', async () => {
    const message = await say('hello');
    const results = await Promise.allSettled(
      ['one', 'two'].map((content) =>
        services.messageChanges.edit(annViewer, { ...target(message), content, revision: 0 }),
      ),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'CONFLICT', field: 'revision' },
    });
    expect(extrasOf((await stored(message)) ?? message).revision).toBe(1);
  });

  it('gives the message when its answer was lost and it is made again, with the revision of before', async () => {
    const edit = { ...target(await say('hello')), content: 'ho', revision: 0 };
    const edited = await services.messageChanges.edit(annViewer, edit);
    const before = await head();
    expect(await services.messageChanges.edit(annViewer, edit)).toEqual(edited);
    expect(await head()).toBe(before);
  });

  it('names no member who is not active any more', async () => {
    const gone = await services.newUser();
    await services.memberships.add(null, chat.id, gone.id);
    await services.users.update(gone.id, { isActive: false });
    const edit = { ...target(await say('hello')), content: 'ho', mentions: [gone.id] };
    await expect(services.messageChanges.edit(annViewer, edit)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'mentions',
    });
  });

  it('is refused after 10 within a minute, until the first of them is a minute old', async () => {
    const message = await say('0');
    const edit = (content: string) => services.messageChanges.edit(annViewer, { ...target(message), content });
    for (let i = 1; i <= 10; i += 1) await edit(String(i));
    await services.messageChanges.forgetHistory(annViewer, target(message));
    const refusal = await edit('11').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', rule: 'edit.rate' });
    expect(refusal).toMatchObject({ retryAfterMs: expect.any(Number) });
    expect(await head()).toBe(message.seq + 10);
    // The present words again are no edit.
    await edit('10');
    await inThePast(message, '1 minute');
    expect(extrasOf(await edit('11')).revision).toBe(11);
  });

  it('keeps the newest 100 versions', async () => {
    const message = await say('0');
    for (let i = 1; i <= 102; i += 1) {
      await services.messageChanges.edit(annViewer, { ...target(message), content: String(i) });
      await editsInThePast(message, '1 minute');
    }
    const history = await historyOf(message);
    expect(history).toHaveLength(100);
    expect([history[0], history[99]]).toEqual(['2 2', '101 101']);
  });

  it('is refused once the window is over, and a deletion is not', async () => {
    const message = await say('hello');
    await inThePast(message, '1 hour 1 second');
    await expect(
      services.messageChanges.edit(annViewer, { ...target(message), content: 'late' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'edit.window' });
    await services.messageChanges.delete(annViewer, target(message));
    expect(await stored(message)).toMatchObject({ content: '' });
  });

  it.each([
    ['another member', () => bobViewer, { code: 'FORBIDDEN', rule: 'message.not_yours' }],
    ['a moderator', () => moderator, { code: 'FORBIDDEN', rule: 'message.not_yours' }],
    ['an admin', () => admin, { code: 'FORBIDDEN', rule: 'message.not_yours' }],
    ['a stranger', () => stranger, { code: 'NOT_FOUND' }],
    ['a token that only reads', () => ({ ...annViewer, scopes: new Set(['read'] as const) }), { code: 'FORBIDDEN' }],
  ])('by %s is refused', async (_who, viewer, refusal) => {
    const message = await say('hello');
    const edit = { ...target(message), content: 'mine' };
    await expect(services.messageChanges.edit(viewer(), edit)).rejects.toMatchObject(refusal);
    expect(await stored(message)).toEqual(message);
  });

  it('by a sender who became a reader, or left, is refused', async () => {
    const message = await say('hello', undefined, bobViewer);
    const edit = () => services.messageChanges.edit(bobViewer, { ...target(message), content: 'other' });
    await setRole(bob, 'reader');
    await expect(edit()).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.role', needs: 'member' });
    await services.memberships.remove(null, chat.id, bob.id);
    await expect(edit()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await stored(message)).toEqual(message);
  });

  it('of a deleted message is refused', async () => {
    const message = await say('hello');
    await services.messageChanges.delete(annViewer, target(message));
    await expect(
      services.messageChanges.edit(annViewer, { ...target(message), content: 'again' }),
    ).rejects.toMatchObject({ code: 'CONFLICT', rule: 'message.deleted', field: 'messageId' });
  });

  it.each([
    ['content', { content: '  ' }],
    ['content', { content: 'x'.repeat(4001) }],
    ['revision', { revision: -1 }],
    ['revision', { revision: 0.5 }],
    ['mentions', { mentions: ['nobody'] }],
    ['metadata', { metadata: [] }],
  ])('with a bad %s is refused', async (field, bad) => {
    const message = await say('hello');
    const edit = { ...target(message), content: 'other', ...bad };
    await expect(services.messageChanges.edit(annViewer, edit)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field,
    });
    expect(await stored(message)).toEqual(message);
  });
});

describe('a deletion', () => {
  it('leaves the place of the message, and nothing of what it said', async () => {
    const message = await say('secret words', 'n1');
    const edit = { ...target(message), content: 'secret other', mentions: [bob.id], metadata: { secret: true } };
    await services.messageChanges.edit(annViewer, edit);
    await services.messageChanges.pin(moderator, target(message));
    await services.db.prisma.reaction.create({
      data: { chatId: chat.id, seq: message.seq, emoji: '👍', userId: bob.id },
    });
    const deleted = await services.messageChanges.delete(annViewer, target(message));
    expect(deleted).toMatchObject({
      id: message.id,
      seq: message.seq,
      content: '',
      nonce: null,
      sender: { id: ann.id },
    });
    const gone = { deletedAt: expect.any(String), mentions: [], metadata: null, reactions: [] };
    expect(deleted.extras).toMatchObject({ ...gone, pinnedAt: null, pinnedBy: null });
    expect(await eventsAfter(message.seq - 1)).toMatchObject([
      { type: 'message.created', message: { content: '', nonce: null, extras: gone } },
      { type: 'message.edited', message: { content: '' } },
      { type: 'message.pinned', message: { extras: { pinnedAt: null } } },
      { type: 'message.deleted', seq: message.seq + 3, actor: { id: ann.id }, message: { content: '' } },
    ]);
    expect(await services.chatLog.messages(chat.id, { last: 10 })).toEqual([]);
    const of = { where: { chatId: chat.id } };
    const { messageRevision, mention, reaction } = services.db.prisma;
    expect([await messageRevision.count(of), await mention.count(of), await reaction.count(of)]).toEqual([0, 0, 0]);
    const tables = await services.db.pool.query<{ text: string }>(
      'SELECT m::text AS text FROM messages m WHERE chat_id = $1 UNION ALL SELECT x::text FROM message_extras x WHERE chat_id = $1',
      [chat.id],
    );
    expect(tables.rows.map(({ text }) => text).join()).not.toContain('secret');
  });

  it('repeated changes nothing and takes no number', async () => {
    const message = await say('hello');
    const deleted = await services.messageChanges.delete(annViewer, target(message));
    expect(await services.messageChanges.delete(moderator, target(message))).toEqual(deleted);
    expect(await head()).toBe(message.seq + 1);
  });

  it('of others is for moderators and admins', async () => {
    const [one, two] = [await say('one'), await say('two')];
    await expect(services.messageChanges.delete(bobViewer, target(one))).rejects.toMatchObject({
      ...{ code: 'FORBIDDEN', rule: 'message.not_yours', needs: 'moderator' },
    });
    await expect(services.messageChanges.delete(stranger, target(one))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await services.messageChanges.delete(moderator, target(one))).toMatchObject({ content: '' });
    expect(await services.messageChanges.delete(admin, target(two))).toMatchObject({ content: '' });
    expect(
      await services.db.prisma.messageExtras.findMany({ where: { chatId: chat.id }, orderBy: { seq: 'asc' } }),
    ).toMatchObject([{ deletedById: moderatorUser.id }, { deletedById: admin.user?.id }]);
  });

  it('corrects what is known of the thread that the reply was in', async () => {
    const root = await say('root');
    const reply = (content: string) =>
      services.messages.send(annViewer, { chatId: chat.id, content, thread: root.id, alsoInChat: content === 'two' });
    const replies = [await reply('one'), await reply('two'), await reply('three')];
    const { prisma } = services.db;
    const rootSeq = root.seq;
    const thread = () => prisma.thread.findFirstOrThrow({ where: { chatId: chat.id } });
    const ids = replies.map(({ id }) => id);
    await services.messageChanges.deleteMany(annViewer, chat.id, [ids[2] ?? '', ids[0] ?? '']);
    expect(await thread()).toMatchObject({ replyCount: 1, lastReplySeq: replies[1]?.seq });
    const gone = await services.messageChanges.delete(annViewer, { chatId: chat.id, messageId: ids[1] ?? '' });
    expect(await thread()).toMatchObject({ replyCount: 0, lastReplySeq: 0 });
    expect(gone.extras?.thread).toMatchObject({ rootId: root.id, rootSeq });
    await services.messageChanges.delete(annViewer, target(root));
    expect((await stored(root))?.extras).toMatchObject({ deletedAt: expect.any(String) });
    expect(await thread()).toMatchObject({ replyCount: 0 });
  });
});

describe('a deletion of many', () => {
  it('takes adjacent numbers in the order of the messages, and answers in the order asked', async () => {
    const said = [await say('0'), await say('1'), await say('2'), await say('3')];
    const [one, two, three, four] = said.map(({ id }) => id);
    await services.messageChanges.delete(annViewer, { chatId: chat.id, messageId: two ?? '' });
    const before = await head();
    const asked = [four, two, one, four, three].map((id) => id ?? '');
    const deleted = await services.messageChanges.deleteMany(annViewer, chat.id.toUpperCase(), asked);
    expect(deleted.map(({ id }) => id)).toEqual([four, two, one, three]);
    expect(deleted.every(({ content }) => content === '')).toBe(true);
    const events = await eventsAfter(before);
    expect(events.map(({ seq, type, ...event }) => [seq, type, 'message' in event && event.message.id])).toEqual([
      [before + 1, 'message.deleted', one],
      [before + 2, 'message.deleted', three],
      [before + 3, 'message.deleted', four],
    ]);
  });

  it('is all or nothing', async () => {
    const [mine, others] = [await say('mine'), await say('theirs', undefined, bobViewer)];
    const elsewhere = await services.newChat(ann);
    const foreign = await services.messages.send(annViewer, { chatId: elsewhere.id, content: 'elsewhere' });
    const before = await head();
    const refusals: [string[], object][] = [
      [[mine.id, others.id], { code: 'FORBIDDEN', rule: 'message.not_yours', needs: 'moderator' }],
      [[mine.id, crypto.randomUUID()], { code: 'NOT_FOUND', field: 'messageIds' }],
      [[mine.id, foreign.id], { code: 'NOT_FOUND', field: 'messageIds' }],
      [[mine.id, 'no id'], { code: 'NOT_FOUND', field: 'messageIds' }],
      [[], { code: 'BAD_USER_INPUT', field: 'messageIds' }],
      [Array.from({ length: 101 }, () => mine.id), { code: 'BAD_USER_INPUT', field: 'messageIds' }],
    ];
    for (const [ids, refusal] of refusals)
      await expect(services.messageChanges.deleteMany(annViewer, chat.id, ids)).rejects.toMatchObject(refusal);
    expect(await head()).toBe(before);
    expect(await stored(mine)).toEqual(mine);
  });
});

describe('a repeated nonce', () => {
  it.each([
    [
      'edited',
      (message: ChatMessage) => services.messageChanges.edit(annViewer, { ...target(message), content: 'new' }),
    ],
    ['deleted', (message: ChatMessage) => services.messageChanges.delete(annViewer, target(message))],
  ])('of an %s message gives that message as it is now, whatever the content', async (_what, change) => {
    const message = await say('hello', 'n1');
    const changed = await change(message);
    const before = await head();
    expect(await say('hello', 'n1')).toEqual(changed);
    expect(await say('anything', 'n1')).toEqual(changed);
    expect(await head()).toBe(before);
  });

  it('of a message that was pinned alone is compared', async () => {
    const message = await say('hello', 'n1');
    const pinned = await services.messageChanges.pin(moderator, target(message));
    expect(await say('hello', 'n1')).toEqual(pinned);
    await expect(say('other', 'n1')).rejects.toMatchObject({ code: 'NONCE_REUSED' });
  });
});

describe('forgetting the history', () => {
  it('drops earlier versions without an event, for who may', async () => {
    const message = await say('first');
    await services.messageChanges.edit(annViewer, { ...target(message), content: 'second' });
    const before = await head();
    const asked = target(message);
    await expect(services.messageChanges.forgetHistory(bobViewer, asked)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'message.not_yours',
    });
    expect(await historyOf(message)).toEqual(['0 first']);
    expect(await services.messageChanges.forgetHistory(annViewer, asked)).toMatchObject({ content: 'second' });
    expect(await historyOf(message)).toEqual([]);
    await services.messageChanges.edit(annViewer, { ...asked, content: 'third' });
    expect(await historyOf(message)).toEqual(['1 second']);
    await services.messageChanges.forgetHistory(moderator, asked);
    expect(await historyOf(message)).toEqual([]);
    expect(await head()).toBe(before + 1);
    const rows = await services.db.prisma.messageRevision.findMany({ where: { chatId: chat.id } });
    expect(rows.map(({ content }) => content)).toEqual([null, null]);
  });
});

describe('a pin', () => {
  it('is listed, the newest first, in pages', async () => {
    const said = [await say('one'), await say('two'), await say('three')];
    const pinned: ChatMessage[] = [];
    for (const message of [said[1], said[2], said[0]])
      if (message) pinned.unshift(await services.messageChanges.pin(moderator, target(message)));
    expect(pinned[0]?.extras?.pinnedBy?.id).toBe(moderatorUser.id);
    expect(await services.pins.list(chat.id, { first: 100 })).toEqual(pinned);
    expect(await services.pins.list(chat.id, { first: 2 })).toEqual(pinned.slice(0, 2));
    expect(await services.pins.list(chat.id, { first: 2, after: pinned[1]?.id })).toEqual(pinned.slice(2));
    await services.messageChanges.unpin(moderator, target(pinned[1] ?? { id: '' }));
    await expect(services.pins.list(chat.id, { first: 2, after: pinned[1]?.id })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'after',
    });
  });

  it('repeated changes nothing, and takes no number', async () => {
    const message = await say('hello');
    expect(await services.messageChanges.unpin(moderator, target(message))).toEqual(message);
    const pinned = await services.messageChanges.pin(moderator, target(message));
    expect(await services.messageChanges.pin(admin, target(message))).toEqual(pinned);
    const unpinned = await services.messageChanges.unpin(moderator, target(message));
    expect(extrasOf(unpinned)).toMatchObject({ pinnedAt: null, pinnedBy: null });
    expect((await eventsAfter(message.seq)).map(({ type }) => type)).toEqual(['message.pinned', 'message.unpinned']);
  });

  it('is for moderators, and not for deleted messages', async () => {
    const message = await say('hello');
    const needs = { code: 'FORBIDDEN', rule: 'chat.role', needs: 'moderator' };
    await expect(services.messageChanges.pin(annViewer, target(message))).rejects.toMatchObject(needs);
    await expect(services.messageChanges.unpin(annViewer, target(message))).rejects.toMatchObject(needs);
    await services.messageChanges.delete(annViewer, target(message));
    await expect(services.messageChanges.pin(moderator, target(message))).rejects.toMatchObject({
      code: 'CONFLICT',
      rule: 'message.deleted',
    });
  });

  it('beyond the hundredth is refused, under two who pin at once', async () => {
    const said: ChatMessage[] = [];
    for (let i = 0; i < 104; i += 1) said.push(await say(String(i)));
    const results = await Promise.allSettled(
      said.map((message, i) => services.messageChanges.pin(i % 2 === 0 ? moderator : admin, target(message))),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(4);
    for (const refusal of refused)
      expect(refusal).toMatchObject({ reason: { code: 'CONFLICT', rule: 'chat.pins_full' } });
    const pins = await services.pins.list(chat.id, { first: 100 });
    const events = (await eventsAfter(said.at(-1)?.seq ?? 0)).flatMap((event) =>
      event.type === 'message.pinned' ? [event.message.id] : [],
    );
    expect(pins.map(({ id }) => id)).toEqual(events.reverse());
  });
});

it.each(['edit', 'delete', 'forgetHistory', 'pin', 'unpin'] as const)(
  '%s of what is not there is NOT_FOUND',
  async (change) => {
    const elsewhere = await services.newChat(ann);
    const foreign = await services.messages.send(annViewer, { chatId: elsewhere.id, content: 'elsewhere' });
    const { id: messageId } = await say('hello');
    const asked = (chatId: string, id: string) =>
      services.messageChanges[change](admin, { chatId, messageId: id, content: 'x' }).catch((error: unknown) => error);
    for (const id of [foreign.id, crypto.randomUUID(), 'no id', ''])
      expect(await asked(chat.id, id)).toMatchObject({ code: 'NOT_FOUND', field: 'messageId' });
    for (const id of [elsewhere.id.replace(/.$/, 'x'), crypto.randomUUID(), ''])
      expect(await asked(id, messageId)).toMatchObject({ code: 'NOT_FOUND' });
  },
);

it('a sign-in that has ended changes nothing', async () => {
  const message = await say('hello');
  const over = { ...annViewer, familyId: crypto.randomUUID() };
  const edit = { ...target(message), content: 'x' };
  await expect(services.messageChanges.edit(over, edit)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(services.messageChanges.delete(over, edit)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await stored(message)).toEqual(message);
});
