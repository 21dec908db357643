import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { startServices, viewerOf } from '../../support/services.js';

let database: TestDatabase;
let services: Awaited<ReturnType<typeof startServices>>;
let admin: Viewer;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, undefined, { chatCreation: 'users' });
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(async () => {
  await services.close();
  await database.drop();
});

async function someone(): Promise<{ user: UserProfile; viewer: Viewer }> {
  const user = await services.newUser();
  return { user, viewer: await services.newViewer(user) };
}

function newName(): string {
  count += 1;
  return `square ${count}`;
}

const publicChat = (name = newName()) => services.chats.create(name, undefined, { visibility: 'public' });
const eventsOf = async ({ id, epoch }: { id: string; epoch: string }) => {
  const { lastSeq: seq } = await services.db.prisma.chat.findUniqueOrThrow({ where: { id } });
  return (await services.chatLog.page({ chatId: id, epoch, seq }, 0, 100)).events;
};

describe('the list of public chats', () => {
  const names = async (viewer: Viewer, query?: string, page = {}) =>
    (await services.publicChats.list(viewer, { query, first: 100, ...page })).map(({ name }) => name);

  it('has those that may be joined, in the order of their names, by their beginning in any case', async () => {
    const { user, viewer } = await someone();
    const given = ['Årsta', 'zoo', 'Zoo 10', 'ZOO 2', 'zoo_3', 'zo'];
    const chats = [];
    for (const name of given) chats.push(await services.chats.create(name, undefined, { visibility: 'public' }));
    await services.chats.create('zoo private');
    for (const [name, end] of [
      ['zoo gone', 'delete'],
      ['zoo kept', 'archive'],
    ] as const) {
      const { id } = await publicChat(name);
      if (end === 'delete') await services.chatChanges.delete(admin, id);
      else await services.chatChanges.update(admin, id, { archived: true });
    }
    expect(await names(viewer, 'Zoo')).toEqual(['zoo', 'Zoo 10', 'ZOO 2', 'zoo_3']);
    expect(await names(viewer, 'å')).toEqual(['Årsta']);
    expect(await names(viewer, '%')).toEqual([]);
    const after = chats[1]?.id;
    expect(await names(viewer, 'zoo', { first: 2, after })).toEqual(['Zoo 10', 'ZOO 2']);
    await services.memberships.add(null, chats[1]?.id ?? '', user.id);
    const [zoo] = await services.publicChats.list(viewer, { query: 'zoo', first: 1 });
    expect(zoo).toEqual({ id: after, name: 'zoo', topic: '', memberCount: 1, createdAt: expect.any(Date) });
  });

  it('tells nothing of a private chat, by its place neither', async () => {
    const { viewer } = await someone();
    const hidden = await services.chats.create(newName());
    for (const after of [hidden.id, crypto.randomUUID()])
      await expect(services.publicChats.list(viewer, { first: 1, after })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'after',
      });
    expect(await names(viewer, hidden.name)).toEqual([]);
  });
});

describe('joining', () => {
  it('makes a member, once, and is an event of the chat', async () => {
    const { user, viewer } = await someone();
    const chat = await publicChat();
    const joined = await services.ownMembership.join(viewer, chat.id);
    expect(joined).toMatchObject({ chatId: chat.id, role: 'member', user: { id: user.id } });
    expect(await services.ownMembership.join(viewer, chat.id)).toEqual(joined);
    expect(await eventsOf(chat)).toMatchObject([
      { type: 'member.added', seq: 1, actor: { id: user.id }, member: { user: { id: user.id } } },
    ]);
  });

  it('of many at once gives each a number, and counts them', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, someone));
    const chat = await publicChat();
    await Promise.all(people.map(({ viewer }) => services.ownMembership.join(viewer, chat.id)));
    expect((await eventsOf(chat)).map(({ seq }) => seq)).toEqual(people.map((_, index) => index + 1));
    const { memberCount } = await services.db.prisma.chat.findUniqueOrThrow({ where: { id: chat.id } });
    expect(memberCount).toBe(20);
  });

  it('a private, a deleted and an unknown chat fails with the same error; a direct one too', async () => {
    const { viewer } = await someone();
    const [one, other] = [await someone(), await someone()];
    const deleted = await publicChat();
    await services.chatChanges.delete(admin, deleted.id);
    const direct = await services.directChats.open(one.viewer, other.user.id);
    const hidden = await services.chats.create(newName());
    const errors = [];
    for (const id of [hidden.id, deleted.id, direct.chatId, crypto.randomUUID(), 'x'])
      errors.push(await services.ownMembership.join(viewer, id).catch((error: unknown) => error));
    expect(errors).toHaveLength(5);
    for (const error of errors) expect(error).toMatchObject({ code: 'NOT_FOUND', message: Object(errors[0]).message });
  });

  it('is not for who is banned, to whom the chat looks like none, also in the list', async () => {
    const { user, viewer } = await someone();
    const chat = await publicChat();
    await services.bans.ban(admin, { chatId: chat.id, userId: user.id });
    await expect(services.ownMembership.join(viewer, chat.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await services.publicChats.list(viewer, { query: chat.name, first: 1 })).toEqual([]);
    await services.bans.unban(admin, chat.id, user.id);
    expect(await services.publicChats.list(viewer, { query: chat.name, first: 1 })).toHaveLength(1);
    await services.ownMembership.join(viewer, chat.id);
  });

  it('an archived chat is refused, by its rule', async () => {
    const { viewer } = await someone();
    const chat = await publicChat();
    await services.chatChanges.update(admin, chat.id, { archived: true });
    await expect(services.ownMembership.join(viewer, chat.id)).rejects.toMatchObject({ rule: 'chat.archived' });
  });

  it('again lifts no restriction: the role is that of before, at most member, and a mute goes on', async () => {
    const chat = await publicChat();
    for (const [role, back] of [
      ['reader', 'reader'],
      ['moderator', 'member'],
    ] as const) {
      const { user, viewer } = await someone();
      await services.ownMembership.join(viewer, chat.id);
      await services.memberships.setRole(null, chat.id, user.id, role);
      const where = { chatId_userId: { chatId: chat.id, userId: user.id } };
      const mutedUntil = new Date('9999-12-31T23:59:59.999Z');
      await services.db.prisma.chatMembership.update({ where, data: { mutedUntil } });
      await services.ownMembership.leave(viewer, chat.id);
      expect(await services.ownMembership.join(viewer, chat.id)).toMatchObject({ role: back });
      expect(await services.db.prisma.chatMembership.findUnique({ where })).toMatchObject({ mutedUntil, leftAt: null });
    }
  });
});

describe('leaving', () => {
  it('ends the membership by an event, also in an archived chat; then the chat is not found', async () => {
    const { user, viewer } = await someone();
    const chat = await services.newChat(user);
    await services.chatChanges.update(admin, chat.id, { archived: true });
    await services.ownMembership.leave(viewer, chat.id);
    expect((await eventsOf(chat)).at(-1)).toMatchObject({
      ...{ type: 'member.removed', seq: 3, cause: 'left', user: { id: user.id } },
    });
    await expect(services.ownMembership.leave(viewer, chat.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(services.ownMembership.leave(admin, chat.id)).rejects.toMatchObject({ rule: 'chat.not_member' });
  });

  it('is not for the last owner', async () => {
    const { user, viewer } = await someone();
    const chat = await services.newChat(user);
    await services.memberships.setRole(null, chat.id, user.id, 'owner');
    await expect(services.ownMembership.leave(viewer, chat.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      rule: 'chat.last_owner',
    });
  });

  it('a direct chat hides it until the next message, without an event', async () => {
    const [one, other] = [await someone(), await someone()];
    const { chatId } = await services.directChats.open(one.viewer, other.user.id);
    const hidden = async () => (await services.chatStates.of(one.user.id, [chatId]))[0]?.hidden;
    await services.ownMembership.leave(one.viewer, chatId);
    await services.ownMembership.leave(one.viewer, chatId);
    expect(await hidden()).toBe(true);
    await services.messages.send(viewerOf(other.user), { chatId, content: 'hi' });
    expect(await hidden()).toBe(false);
    expect(await services.db.prisma.chatEvent.count({ where: { chatId } })).toBe(2);
  });
});

describe('a chat that a user makes', () => {
  it('has them as its owner, by the first event; an admin’s has no members', async () => {
    const { user, viewer } = await someone();
    const chat = await services.chats.create(newName(), viewer, { topic: 'mine', metadata: { a: 1 } });
    expect(await eventsOf(chat)).toMatchObject([
      { type: 'member.added', seq: 1, actor: { id: user.id }, member: { user: { id: user.id }, role: 'owner' } },
    ]);
    expect(await services.db.prisma.chat.findUnique({ where: { id: chat.id } })).toMatchObject({
      ...{ lastSeq: 1, memberCount: 1, topic: 'mine', metadata: { a: 1 }, visibility: 'private' },
    });
    const other = await services.chats.create(newName(), admin);
    expect(other.lastSeq).toBe(0);
    expect(await eventsOf(other)).toEqual([]);
  });

  it('has no external id of theirs, and a taken name is a conflict that leaves nothing', async () => {
    const { viewer } = await someone();
    const name = newName();
    const refused = services.chats.create(name, viewer, { externalId: 'x' });
    await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN', field: 'externalId' });
    await services.chats.create(name, viewer);
    await expect(services.chats.create(name, viewer)).rejects.toMatchObject({ code: 'CONFLICT', field: 'name' });
    expect(await services.db.prisma.chat.count({ where: { name } })).toBe(1);
  });

  it('is not made by a guest', async () => {
    const { user } = await someone();
    await services.db.prisma.user.update({ where: { id: user.id }, data: { kind: 'guest' } });
    const viewer = await services.newViewer(user);
    await expect(services.chats.create(newName(), viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

it('where receipts are off, nobody is told who has read what', async () => {
  const [one, other] = [await someone(), await someone()];
  const chat = await services.newChat(one.user, other.user);
  const message = await services.messages.send(one.viewer, { chatId: chat.id, content: 'hi' });
  await services.markers.markRead(other.viewer, { chatId: chat.id, seq: message.seq });
  const readers = async () => (await services.readers.list([message], { first: 10 }))[0];
  expect(await readers()).toMatchObject([{ id: other.user.id }]);
  await services.chatChanges.update(admin, chat.id, { receipts: false });
  expect(await readers()).toBeNull();
  expect(await services.readers.counts([message])).toEqual([null]);
});
