import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

async function membership(chatId: string, userId: string) {
  return services.db.prisma.chatMembership.findUnique({ where: { chatId_userId: { chatId, userId } } });
}

describe('a membership', () => {
  it("begins as a member's, at the number of its event", async () => {
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, bob);
    expect(await membership(chat.id, bob.id)).toMatchObject({ role: 'member', joinedSeq: 2, leftAt: null });
  });

  it('that ended is no membership: not in lists, not reached, not written to', async () => {
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, bob);
    expect(await services.memberships.remove(null, chat.id, bob.id)).toBe(true);
    expect(await services.memberships.remove(null, chat.id, bob.id)).toBe(false);
    const members = (await services.memberLists.list([chat.id], { first: 10 })).get(chat.id) ?? [];
    expect(members.map(({ user }) => user.id)).toEqual([ann.id]);
    expect(await services.chats.find(viewerOf(bob), { id: chat.id })).toBeNull();
    expect(await services.db.prisma.chat.count({ where: services.chats.reachableBy(viewerOf(bob)) })).toBe(0);
    await expect(services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it.each([
    ['reader', 'reader'],
    ['member', 'member'],
    ['moderator', 'member'],
    ['owner', 'member'],
  ] as const)('of a %s who leaves and comes back is that of a %s, as muted as before', async (before, after) => {
    const [owner, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(owner, bob);
    await services.memberships.setRole(null, chat.id, owner.id, 'owner');
    const mutedUntil = new Date('2999-01-01T00:00:00Z');
    await services.db.prisma.chatMembership.update({
      where: { chatId_userId: { chatId: chat.id, userId: bob.id } },
      data: { role: before, mutedUntil },
    });
    await services.memberships.remove(null, chat.id, bob.id);
    expect(await membership(chat.id, bob.id)).toMatchObject({ role: before, leftAt: expect.any(Date) });
    const { joinedAt } = await services.memberships.add(null, chat.id, bob.id);
    expect(await membership(chat.id, bob.id)).toMatchObject({
      role: after,
      mutedUntil,
      joinedAt,
      joinedSeq: 5,
      leftAt: null,
    });
  });
});
