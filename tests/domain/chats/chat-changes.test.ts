import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Acquaintances } from '../../../src/domain/chats/acquaintances.js';
import type { GivenSettings } from '../../../src/domain/chats/setting-values.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { assertProperty } from '../../support/property.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let owner: UserProfile;
let viewer: Viewer;
let admin: Viewer;
let count = 0;

beforeAll(async () => {
  services = await startOwnServices();
  owner = await services.newUser();
  viewer = await services.newViewer(owner);
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

async function ownChat() {
  const chat = await services.newChat(owner);
  await services.memberships.setRole(null, chat.id, owner.id, 'owner');
  return chat;
}

const newName = () => {
  count += 1;
  return `name ${count}`;
};
const row = (id: string) => services.db.prisma.chat.findUniqueOrThrow({ where: { id } });
const eventsOf = async (chat: { id: string; epoch: string }) => {
  const { lastSeq: seq } = await row(chat.id);
  return (await services.chatLog.page({ chatId: chat.id, epoch: chat.epoch, seq }, 2, 100)).events;
};

describe('settings', () => {
  it('of one call are one event, which names those that are others and shows the chat as it is now', async () => {
    const chat = await ownChat();
    const name = newName();
    const given: GivenSettings = {
      ...{ name, topic: 'peas', visibility: 'public', postingRole: 'moderator', slowSeconds: 5, invites: 'members' },
      ...{ receipts: false, retentionDays: 30, metadata: { a: [1] } },
    };
    expect(await services.chatChanges.update(viewer, chat.id, given)).toEqual({
      chatId: chat.id,
      epoch: chat.epoch,
      seq: 3,
    });
    expect(await row(chat.id)).toMatchObject({ ...given, nameKey: name });
    expect(await services.chatChanges.update(viewer, chat.id, { ...given, topic: 'beans' })).toMatchObject({ seq: 4 });
    const shown = {
      ...{ id: chat.id, name, kind: 'group', visibility: 'public', topic: 'beans', postingRole: 'moderator' },
      ...{ slowSeconds: 5, invites: 'members', archivedAt: null, metadata: { a: [1] } },
    };
    expect(await eventsOf(chat)).toMatchObject([
      { type: 'chat.updated', seq: 3, actor: { id: owner.id }, changed: Object.keys(given), chat: shown },
      { type: 'chat.updated', seq: 4, changed: ['topic'], chat: shown },
    ]);
  });

  it('that are so already take no number', async () => {
    const chat = await ownChat();
    expect(await services.chatChanges.update(viewer, chat.id, { topic: '', archived: false })).toMatchObject({
      seq: 2,
    });
    expect(await eventsOf(chat)).toEqual([]);
  });

  it('that may be absent are taken away by null', async () => {
    const chat = await ownChat();
    const given = { retentionDays: 7, metadata: {}, externalId: 'x' };
    await services.chatChanges.update(admin, chat.id, given);
    await services.chatChanges.update(admin, chat.id, { retentionDays: null, metadata: null, externalId: null });
    expect(await row(chat.id)).toMatchObject({ retentionDays: null, metadata: null, externalId: null });
  });

  it.each<[string, object]>([
    ['name', { name: '' }],
    ['name', { name: crypto.randomUUID() }],
    ['name', { name: null }],
    ['topic', { topic: 'x'.repeat(501) }],
    ['topic', { topic: '\0' }],
    ['topic', { topic: null }],
    ['slowSeconds', { slowSeconds: -1 }],
    ['slowSeconds', { slowSeconds: 21_601 }],
    ['retentionDays', { retentionDays: 0 }],
    ['metadata', { metadata: [] }],
    ['metadata', { metadata: { a: 'x'.repeat(16_384) } }],
    ['externalId', { externalId: '' }],
    ['receipts', { receipts: null }],
    ['id', {}],
  ])('refuse what breaks their rule: %s %#', async (field, given) => {
    const chat = await ownChat();
    const refused = services.chatChanges.update(admin, chat.id, given);
    await expect(refused).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(await eventsOf(chat)).toEqual([]);
  });

  it('refuse the name and the external id of another chat, compared without case', async () => {
    const [chat, other] = [await ownChat(), await ownChat()];
    const { name } = await row(other.id);
    await services.chatChanges.update(admin, other.id, { externalId: 'taken' });
    const conflict = (field: string) => ({ code: 'CONFLICT', field });
    const update = (given: GivenSettings) => services.chatChanges.update(admin, chat.id, given);
    await expect(update({ name: name.toUpperCase() })).rejects.toMatchObject(conflict('name'));
    await expect(update({ externalId: 'taken' })).rejects.toMatchObject(conflict('externalId'));
  });

  it('free the former name at once', async () => {
    const chat = await ownChat();
    const { name } = await row(chat.id);
    await services.chatChanges.update(viewer, chat.id, { name: newName() });
    await expect(services.chats.create(name)).resolves.toMatchObject({ name });
  });

  it('are the owners’, slow mode the moderators’, and the external id the admins’', async () => {
    const chat = await ownChat();
    const moderator = await services.newUser();
    await services.memberships.add(null, chat.id, moderator.id);
    await services.memberships.setRole(null, chat.id, moderator.id, 'moderator');
    const acting = await services.newViewer(moderator);
    const needs = (role: string) => ({ code: 'FORBIDDEN', rule: 'chat.role', needs: role });
    await services.chatChanges.update(acting, chat.id, { slowSeconds: 1 });
    for (const given of [{ topic: 't' }, { slowSeconds: 2, topic: 't' }, { name: newName() }, { archived: true }])
      await expect(services.chatChanges.update(acting, chat.id, given)).rejects.toMatchObject(needs('owner'));
    await expect(services.chatChanges.update(viewer, chat.id, { externalId: 'mine' })).rejects.toMatchObject(
      needs('admin'),
    );
    const stranger = await services.newViewer(await services.newUser());
    const refused = services.chatChanges.update(stranger, chat.id, { topic: 't' });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are nobody’s in a direct chat', async () => {
    const other = await services.newUser();
    const { chatId } = await services.directChats.open(viewer, other.id);
    const update = (acting: Viewer) => services.chatChanges.update(acting, chatId, { topic: 't' });
    await expect(update(viewer)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.direct' });
    await expect(update(admin)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(services.chatChanges.delete(admin, chatId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(services.chatChanges.delete(viewer, chatId)).rejects.toMatchObject({ rule: 'chat.direct' });
  });
});

it('an archived chat keeps its settings until it is taken out', async () => {
  const chat = await ownChat();
  await services.chatChanges.update(viewer, chat.id, { archived: true });
  const { archivedAt } = await row(chat.id);
  expect(archivedAt).toBeInstanceOf(Date);
  await expect(services.chatChanges.update(viewer, chat.id, { topic: 't' })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    rule: 'chat.archived',
  });
  await services.chatChanges.update(viewer, chat.id, { archived: true });
  expect((await row(chat.id)).archivedAt).toEqual(archivedAt);
  await services.chatChanges.update(viewer, chat.id, { archived: false });
  await services.chatChanges.update(viewer, chat.id, { topic: 't' });
  expect(await row(chat.id)).toMatchObject({ archivedAt: null, topic: 't', lastSeq: 5 });
});

it('a change of settings and a deletion are acts of the audit log', async () => {
  const chat = await ownChat();
  await services.chatChanges.update(viewer, chat.id, { topic: 't', slowSeconds: 3 });
  await services.chatChanges.update(viewer, chat.id, { topic: 't' });
  await services.chatChanges.delete(admin, chat.id);
  const { rows } = await services.db.pool.query<{ action: string; actor: string; data: object }>(
    `SELECT action, actor_id AS actor, entry::jsonb -> 'data' AS data FROM audit_log WHERE chat_id = $1 AND action LIKE 'chat.%' ORDER BY seq`,
    [chat.id],
  );
  expect(rows).toEqual([
    { action: 'chat.updated', actor: owner.id, data: { changed: ['topic', 'slowSeconds'] } },
    { action: 'chat.deleted', actor: admin.user?.id, data: {} },
  ]);
});

it('a chat of very many members is deleted by a few rows', { timeout: 60_000 }, async () => {
  const chat = await ownChat();
  await services.db.pool.query(
    `WITH many AS (INSERT INTO users (id, username) SELECT gen_random_uuid(), 'many' || n FROM generate_series(1, 20000) n RETURNING id)
     INSERT INTO chat_memberships (chat_id, user_id) SELECT $1, id FROM many`,
    [chat.id],
  );
  const memberships = async () =>
    (
      await services.db.pool.query<{ newest: string }>(
        'SELECT max(xmin::text::bigint) AS newest FROM chat_memberships WHERE chat_id = $1',
        [chat.id],
      )
    ).rows;
  const before = await memberships();
  expect(await services.inbox.chatIds(owner.id)).toContain(chat.id);
  await services.chatChanges.delete(admin, chat.id);
  expect(await memberships()).toEqual(before);
  expect(await services.inbox.chatIds(owner.id)).not.toContain(chat.id);
  const reachable = services.chats.reachableBy(viewer);
  expect(await services.db.prisma.chat.count({ where: { ...reachable, id: chat.id } })).toBe(0);
  await expect(services.chats.requireHead(viewer, { id: chat.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(services.chats.requireLog(viewer, { id: chat.id })).resolves.toMatchObject({ isDeleted: true });
  await services.markers.markAllRead(viewer);
});

it('who shared a deleted chat alone shares none, and an explanation says that the chat is deleted', async () => {
  const chat = await ownChat();
  const other = await services.newUser();
  await services.memberships.add(null, chat.id, other.id);
  const acquaintances = new Acquaintances(services.db);
  const find = () => acquaintances.find([{ viewerId: other.id, userId: owner.id }]);
  expect(await find()).toEqual([{ lastActiveAt: null }]);
  await services.chatChanges.delete(admin, chat.id);
  expect(await find()).toEqual([undefined]);
  const why = await services.accessExplanations.explain(viewer, { chatId: chat.id, userId: owner.id, action: 'send' });
  expect(why).toMatchObject({ allowed: false, rule: 'chat.deleted' });
});

it('settings that many change at once are one event each, in an order', async () => {
  const chat = await ownChat();
  const topics = Array.from({ length: 10 }, (_, index) => `t${index}`);
  await Promise.all(topics.map((topic) => services.chatChanges.update(viewer, chat.id, { topic })));
  const events = await eventsOf(chat);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, index) => index + 3));
});

it('the count of members is that of the memberships, whatever changes them', { timeout: 60_000 }, async () => {
  const users = await Promise.all(Array.from({ length: 4 }, () => services.newUser()));
  const idOf = (index: number) => users[index]?.id ?? '';
  const act = (chatId: string, [kind, member]: readonly [string, number]) => {
    const userId = idOf(member);
    if (kind === 'add') return services.memberships.add(null, chatId, userId);
    if (kind === 'remove') return services.memberships.remove(null, chatId, userId);
    if (kind === 'exactly') return services.memberSets.set(admin, chatId, { exactly: [{ userId }] });
    const remove = [{ userId: idOf((member + 1) % users.length) }];
    return services.memberSets.set(admin, chatId, { add: [{ userId, role: 'moderator' }], remove });
  };
  const acts = fc.tuple(fc.constantFrom('add', 'remove', 'exactly', 'swap'), fc.nat(users.length - 1));
  await assertProperty(
    fc.asyncProperty(fc.array(fc.array(acts, { maxLength: 3 }), { maxLength: 5 }), async (steps) => {
      const chat = await services.chats.create(newName());
      for (const together of steps) await Promise.all(together.map((given) => act(chat.id, given)));
      const members = await services.db.prisma.chatMembership.count({ where: { chatId: chat.id, leftAt: null } });
      expect((await row(chat.id)).memberCount).toBe(members);
    }),
    { numRuns: 25 },
  );
});
