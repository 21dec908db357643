import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatUpsert } from '../../../src/domain/chats/chat-upserts.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

const upsert = (...chats: ChatUpsert[]) => services.chatUpserts.upsert(admin, chats);
const countChats = () => services.db.prisma.chat.count();

describe('upserting chats', () => {
  it('makes those that are not there, in the order asked, and returns the heads of all', async () => {
    const made = await upsert({ externalId: 'one', name: 'Order 1' }, { externalId: 'two', name: 'Order 2' });
    const rows = await services.db.prisma.chat.findMany({ orderBy: { createdSeq: 'asc' } });
    expect(rows).toMatchObject([
      { externalId: 'one', name: 'Order 1', nameKey: 'order 1', lastSeq: 0 },
      { externalId: 'two', name: 'Order 2' },
    ]);
    expect(made).toEqual(rows.map(({ id, epoch, lastSeq }) => ({ chatId: id, epoch, seq: lastSeq })));
    const user = await services.newUser();
    await services.memberships.add(null, made[0]?.chatId ?? '', user.id);
    const more = await upsert({ externalId: 'three', name: 'Order 3' }, { externalId: 'one' });
    expect(more[1]).toEqual({ ...made[0], seq: 1 });
  });

  it('makes chats with all that is given, and changes what is given of those that are there, each by one event', async () => {
    const given = {
      topic: 'beds',
      visibility: 'public',
      metadata: { a: 1 },
      postingRole: 'moderator',
      archived: true,
    } as const;
    const [made] = await upsert({ externalId: 'full', name: 'Full', ...given });
    const row = () => services.db.prisma.chat.findUniqueOrThrow({ where: { externalId: 'full' } });
    const { archived: _, ...shown } = given;
    expect(await row()).toMatchObject({ ...shown, archivedAt: expect.any(Date), lastSeq: 0 });
    expect(await upsert({ externalId: 'full', name: 'Full', ...given })).toEqual([made]);
    const changed = await upsert({ externalId: 'full', name: 'Fuller', archived: false, metadata: null });
    expect(changed).toEqual([{ ...made, seq: 1 }]);
    expect(await row()).toMatchObject({ name: 'Fuller', topic: 'beds', metadata: null, archivedAt: null });
    const { events } = await services.chatLog.page(
      { ...changed[0], chatId: made?.chatId ?? '', epoch: made?.epoch ?? '', seq: 1 },
      0,
      9,
    );
    expect(events).toMatchObject([{ type: 'chat.updated', changed: ['name', 'metadata', 'archived'] }]);
  });

  it('changes nothing when it is repeated', async () => {
    const chats = Array.from({ length: 100 }, (_, index) => ({ externalId: `r${index}`, name: `Repeated ${index}` }));
    const made = await upsert(...chats);
    const before = await countChats();
    expect(await upsert(...chats)).toEqual(made);
    expect(await countChats()).toBe(before);
  });

  it.each([
    ['chats.1.name', { externalId: 'y' }, 'BAD_USER_INPUT'],
    ['chats.1.name', { externalId: 'y', name: 'a/b' }, 'BAD_USER_INPUT'],
    ['chats.1.externalId', { externalId: 'x', name: 'Y' }, 'BAD_USER_INPUT'],
    ['chats.1.externalId', { externalId: 'a\nb', name: 'Y' }, 'BAD_USER_INPUT'],
    ['chats.1.name', { externalId: 'y', name: 'TAKEN name' }, 'CONFLICT'],
    ['chats.1.name', { externalId: 'y', name: 'first' }, 'CONFLICT'],
    ['chats.1.name', { externalId: 'known', name: 'Taken NAME' }, 'CONFLICT'],
    ['chats.1.topic', { externalId: 'known', topic: 'x'.repeat(501) }, 'BAD_USER_INPUT'],
    ['chats.1', { externalId: 'shut', topic: 't' }, 'FORBIDDEN'],
  ])('names the row that is refused, and does nothing of the call: %s %j', async (field, chat, code) => {
    await upsert({ externalId: 'taken', name: 'Taken name' }, { externalId: 'known', name: 'Known name' });
    await upsert({ externalId: 'shut', name: 'Shut', archived: true });
    const before = await countChats();
    await expect(upsert({ externalId: 'x', name: 'First' }, chat)).rejects.toMatchObject({ code, field });
    expect(await countChats()).toBe(before);
  });

  it('refuses more than 100 chats', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({ externalId: `m${index}`, name: `Many ${index}` }));
    await expect(upsert(...many)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'chats' });
  });

  it('comes to one end when several make the same chats at once', async () => {
    const chats = Array.from({ length: 20 }, (_, index) => ({ externalId: `race${index}`, name: `Race ${index}` }));
    const settled = await Promise.all(Array.from({ length: 4 }, () => upsert(...chats)));
    for (const made of settled) expect(made).toEqual(settled[0]);
  });

  it('is for admins alone, also when they are admins no longer', async () => {
    const viewer = await services.newViewer(await services.newUser('admin'));
    await services.users.update(viewer.user?.id ?? '', { role: 'user' });
    const late = services.chatUpserts.upsert(viewer, [{ externalId: 'late', name: 'Late' }]);
    await expect(late).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
