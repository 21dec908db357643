import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemberSet } from '../../../src/domain/chats/member-sets.js';
import type { ChatEvent } from '../../../src/domain/log/chat-events.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { Recorder } from '../../support/recorder.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

const set = (chatId: string, members: MemberSet) => services.memberSets.set(admin, chatId, members);
const given = (...users: UserProfile[]) => users.map(({ id }) => ({ userId: id }));

/** The members with their roles, in the order of their accounts. */
async function membersOf(chatId: string) {
  const members = (await services.memberLists.list([chatId], { first: 2000 })).get(chatId) ?? [];
  return members.map(({ user, role }) => [user.username, role]);
}

/** What happened in the chat, as its log tells. */
async function historyOf(chatId: string, after = 0) {
  const [head] = await services.chatLog.heads([chatId]);
  if (!head) throw new Error('There is no such chat.');
  const { events } = await services.chatLog.page(head, after, 500);
  return events.map((event) => [event.seq, event.type, userOf(event)?.username]);
}

function userOf(event: ChatEvent): UserProfile | undefined {
  if ('user' in event) return event.user;
  return 'member' in event ? event.member.user : undefined;
}

const newUsers = (count: number) => Promise.all(Array.from({ length: count }, () => services.newUser()));

describe('setting the members of a chat', () => {
  it('adds, changes and removes in one transaction, with adjacent numbers, and takes none for what is so already', async () => {
    const [ann, bob, cid, dan, eve] = await newUsers(5);
    if (!ann || !bob || !cid || !dan || !eve) throw new Error('There are five users.');
    const chat = await services.newChat(ann, bob, cid);
    const members = await set(chat.id.toUpperCase(), {
      add: [
        { userId: dan.id.toUpperCase() },
        { userId: bob.id, role: 'moderator' },
        { userId: cid.id },
        { userId: eve.id, role: 'reader' },
      ],
      remove: given(ann),
    });
    expect(members).toMatchObject([
      { chatId: chat.id, user: dan, role: 'member' },
      { user: bob, role: 'moderator' },
      { user: cid, role: 'member' },
      { user: eve, role: 'reader' },
    ]);
    expect(await historyOf(chat.id, 3)).toEqual([
      [4, 'member.removed', ann.username],
      [5, 'member.added', dan.username],
      [6, 'member.updated', bob.username],
      [7, 'member.added', eve.username],
    ]);
    expect(new Map(await membersOf(chat.id).then((rows) => rows.map(([name, role]) => [name, role])))).toEqual(
      new Map([
        [bob.username, 'moderator'],
        [cid.username, 'member'],
        [dan.username, 'member'],
        [eve.username, 'reader'],
      ]),
    );
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 7 }]);
    await set(chat.id, { add: [{ userId: bob.id, role: 'moderator' }, { userId: dan.id }], remove: given(ann) });
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 7 }]);
  });

  it('makes the members exactly those', async () => {
    const users = await newUsers(4);
    const [ann, bob, cid, dan] = users;
    if (!ann || !bob || !cid || !dan) throw new Error('There are four users.');
    const chat = await services.newChat(ann, bob, cid);
    await set(chat.id, { exactly: [{ userId: dan.id, role: 'owner' }, ...given(bob)] });
    expect((await membersOf(chat.id)).toSorted()).toEqual(
      [
        [bob.username, 'member'],
        [dan.username, 'owner'],
      ].toSorted(),
    );
    expect((await historyOf(chat.id, 3)).map(([seq, type]) => [seq, type])).toEqual([
      [4, 'member.removed'],
      [5, 'member.removed'],
      [6, 'member.added'],
    ]);
    // An admin may take the last owner away.
    expect(await set(chat.id, { exactly: [] })).toEqual([]);
    expect(await membersOf(chat.id)).toEqual([]);
  });

  it('takes users by their external ids, and gives who returns no more than they had', async () => {
    const [user] = await services.userUpserts.upsert(admin, [{ externalId: 'shopper 1' }]);
    if (!user) throw new Error('No user was made.');
    const chat = await services.newChat();
    const shopper = { externalId: 'shopper 1' };
    expect(await set(chat.id, { add: [{ ...shopper, role: 'reader' }] })).toMatchObject([{ user: { id: user.id } }]);
    await set(chat.id, { remove: [shopper] });
    expect(await set(chat.id, { add: [shopper] })).toMatchObject([{ role: 'reader' }]);
    await set(chat.id, { add: [{ ...shopper, role: 'owner' }] });
    await set(chat.id, { remove: [shopper] });
    expect(await set(chat.id, { exactly: [shopper] })).toMatchObject([{ role: 'member' }]);
  });

  it('tells the streams of the chat each change, and ends those of who is removed', async () => {
    const [ann, bob] = await newUsers(2);
    if (!ann || !bob) throw new Error('There are two users.');
    const chat = await services.newChat(ann, bob);
    const viewer = await services.newViewer(ann);
    const recorder = new Recorder();
    const stream = await services.chatStreams.open(
      { chatId: chat.id, viewer: () => viewer, after: undefined },
      recorder,
    );
    const [cid] = await newUsers(1);
    if (!cid) throw new Error('There is a third user.');
    await set(chat.id, { add: given(cid), remove: given(ann) });
    await recorder.until(({ ended }) => ended !== undefined);
    // Her own removal is the last that she hears.
    expect(recorder.events).toMatchObject([{ type: 'member.removed', seq: 3, actor: admin.user, user: ann }]);
    expect(recorder.ended).toBe('removed');
    stream.close();
  });

  it.each([
    ['add.1.userId', { add: [{ externalId: 'known' }, { userId: crypto.randomUUID() }] }],
    ['add.1.userId', { add: [{ externalId: 'known' }, { userId: 'nonsense' }] }],
    ['exactly.0.externalId', { exactly: [{ externalId: 'unknown' }] }],
    ['remove.0.externalId', { remove: [{ externalId: 'unknown' }] }],
    ['add.1.externalId', { add: [{ externalId: 'known' }, { externalId: 'known' }] }],
    ['remove.0.externalId', { add: [{ externalId: 'known' }], remove: [{ externalId: 'known' }] }],
    ['add.0.userId', { add: [{}] }],
    ['add.0.userId', { add: [{ externalId: 'known', userId: crypto.randomUUID() }] }],
    ['remove.0.role', { remove: [{ externalId: 'known', role: 'reader' }] }],
    ['exactly', { add: [], exactly: [] }],
    ['add', { add: Array(1001).fill({ externalId: 'known' }) }],
    ['remove', { add: [{ externalId: 'known' }], remove: Array(1000).fill({ externalId: 'known' }) }],
  ] as [string, MemberSet][])('refuses what breaks a rule, and changes nothing: %s', async (field, members) => {
    await services.userUpserts.upsert(admin, [{ externalId: 'known' }]);
    const chat = await services.newChat(await services.newUser());
    await expect(set(chat.id, members)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 1 }]);
  });

  it('sets a thousand members at once, and no more', { timeout: 60_000 }, async () => {
    const first = await services.newUser();
    const chat = await services.newChat(first);
    const externalIds = Array.from({ length: 1000 }, (_, index) => `crowd/${index}`);
    for (let at = 0; at < 1000; at += 100)
      await services.userUpserts.upsert(
        admin,
        externalIds.slice(at, at + 100).map((externalId) => ({ externalId })),
      );
    const crowd = externalIds.map((externalId) => ({ externalId }));
    // With the one who would be removed these are 1,001 changes.
    await expect(set(chat.id, { exactly: crowd })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'exactly' });
    expect(await set(chat.id, { add: crowd })).toHaveLength(1000);
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 1001 }]);
    expect(await set(chat.id, { exactly: crowd })).toHaveLength(1000);
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 1002 }]);
  });

  it('is CONFLICT for a direct chat of the admin’s, and NOT_FOUND for one of others and for none', async () => {
    const [ann, bob] = await newUsers(2);
    if (!ann || !bob || !admin.user) throw new Error('There are two users and an admin.');
    const own = await services.directChats.open(admin, ann.id);
    const theirs = await services.directChats.open(await services.newViewer(ann), bob.id);
    await expect(set(own.chatId, { add: given(bob) })).rejects.toMatchObject({ code: 'CONFLICT', rule: 'chat.direct' });
    for (const chatId of [theirs.chatId, crypto.randomUUID(), 'nonsense'])
      await expect(set(chatId, { add: given(bob) })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is for admins alone, also when they are admins no longer', async () => {
    const viewer = await services.newViewer(await services.newUser('admin'));
    const chat = await services.newChat();
    await services.users.update(viewer.user?.id ?? '', { role: 'user' });
    await expect(services.memberSets.set(viewer, chat.id, { add: [] })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
