import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { ChatMutex } from '../../../src/domain/chats/chat-mutex.js';
import { DirectChats } from '../../../src/domain/chats/direct-chats.js';
import { type KnownEntry, toEvent } from '../../../src/domain/log/chat-events.js';
import { appendMessages } from '../../../src/domain/messages/append.js';
import { newMessageId } from '../../../src/domain/messages/message-ids.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;

let one: OwnServices;
/** A second process on the same database. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

async function newPair(): Promise<[UserProfile, UserProfile]> {
  return [await one.newUser(), await one.newUser()];
}

/** The direct chat of two new users. */
async function newDirectChat() {
  const [ann, bob] = await newPair();
  const { chatId } = await one.directChats.open(await one.newViewer(ann), bob.id);
  return { ann, bob, chatId };
}

describe('opening a direct chat', () => {
  it('gives both sides one chat, 50 times each at once and on two processes', async () => {
    const [ann, bob] = await newPair();
    const [anns, bobs] = [await one.newViewer(ann), await one.newViewer(bob)];
    const opened = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const { directChats } = index % 2 === 0 ? one : two;
        return [directChats.open(anns, bob.id), directChats.open(bobs, ann.id)];
      }).flat(),
    );
    expect(opened).toHaveLength(100);
    const [first] = opened;
    if (!first) throw new Error('No chat was opened.');
    expect(new Set(opened.map((head) => JSON.stringify(head)))).toEqual(new Set([JSON.stringify(first)]));
    const chats = await one.db.prisma.chat.findMany({
      where: { kind: 'direct', members: { some: { userId: ann.id } } },
    });
    expect(chats).toMatchObject([{ id: first.chatId, name: `dm-${first.chatId}`, lastSeq: 2 }]);
    expect(await one.db.prisma.directChat.count({ where: { chatId: first.chatId } })).toBe(1);
    const { events } = await one.chatLog.page(first, 0, 10);
    expect(events).toMatchObject([
      { seq: 1, type: 'member.added', member: { role: 'member' } },
      { seq: 2, type: 'member.added', member: { role: 'member' } },
    ]);
    const added = events.map((event) => (event.type === 'member.added' ? event.member.user.id : undefined));
    expect(added.sort()).toEqual([ann.id, bob.id].sort());
    const members = await one.db.prisma.chatMembership.findMany({ where: { chatId: first.chatId } });
    expect(
      members.map(({ role, joinedSeq }) => ({ role, joinedSeq })).sort((a, b) => a.joinedSeq - b.joinedSeq),
    ).toEqual([
      { role: 'member', joinedSeq: 1 },
      { role: 'member', joinedSeq: 2 },
    ]);
  });

  it('announces what the log has, once', async () => {
    const [ann, bob] = await newPair();
    const announced: KnownEntry[] = [];
    const directChats = new DirectChats(one.db, new ChatMutex(one.db), (entry) => announced.push(entry));
    const viewer = await one.newViewer(ann);
    const head = await directChats.open(viewer, bob.id);
    expect(await directChats.open(viewer, bob.id.toUpperCase())).toEqual(head);
    expect(await directChats.open(await one.newViewer(bob), ann.id)).toEqual(head);
    const { events } = await one.chatLog.page(head, 0, 10);
    expect(announced.map(toEvent)).toEqual(events);
    expect(events).toMatchObject([
      { actor: ann, member: { user: ann } },
      { actor: ann, member: { user: bob } },
    ]);
  });

  it('is refused with oneself, with nobody, and with a user who is not active, also when there is a chat', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    const viewer = await one.newViewer(ann);
    const open = (userId: string) => one.directChats.open(viewer, userId);
    await expect(open(ann.id)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'userId' });
    await expect(open(ann.id.toUpperCase())).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'userId' });
    await expect(open(crypto.randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'userId' });
    await expect(open('nonsense')).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'userId' });
    await one.users.update(bob.id, { isActive: false });
    await expect(open(bob.id)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'user.inactive' });
    const eve = await one.newUser();
    await one.users.update(eve.id, { isActive: false });
    await expect(open(eve.id)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'user.inactive' });
    expect(
      await one.db.prisma.directChat.findMany({ where: { OR: [{ lowerId: ann.id }, { higherId: ann.id }] } }),
    ).toMatchObject([{ chatId }]);
  });

  it('asks for a user with the scope write, whose sign-in has not ended', async () => {
    const [ann, bob] = await newPair();
    await expect(one.directChats.open(viewerOf(null), bob.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(one.directChats.open(viewerOf(ann, ['read']), bob.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(one.directChats.open(viewerOf(ann), bob.id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the members of a direct chat', () => {
  it('stay the same two with the role member, whoever asks, an operator too', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    const eve = await one.newUser();
    const admin = await one.newUser('admin');
    const { chatId: admins } = await one.directChats.open(await one.newViewer(admin), ann.id);
    const [annActs, adminActs] = [await one.newViewer(ann), await one.newViewer(admin)];
    const inDirect = { code: 'FORBIDDEN', rule: 'chat.direct' };
    const { memberships } = one;
    await expect(memberships.remove(ann, chatId, bob.id, annActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.remove(ann, chatId, ann.id, annActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.setRole(ann, chatId, bob.id, 'owner', annActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.remove(null, chatId, bob.id)).rejects.toMatchObject(inDirect);
    await expect(memberships.setRole(null, chatId, bob.id, 'reader')).rejects.toMatchObject(inDirect);
    await expect(memberships.add(null, chatId, eve.id)).rejects.toMatchObject(inDirect);
    await expect(memberships.add(admin, admins, eve.id, adminActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.add(admin, admins, ann.id, adminActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.remove(admin, admins, ann.id, adminActs)).rejects.toMatchObject(inDirect);
    await expect(memberships.setRole(admin, admins, admin.id, 'owner', adminActs)).rejects.toMatchObject(inDirect);
    expect((await one.chatLog.heads([chatId, admins])).map(({ seq }) => seq)).toEqual([2, 2]);
  });

  it('are told as of no chat to an admin who is none of them', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    const admin = await one.newUser('admin');
    const acts = await one.newViewer(admin);
    const refusalOf = (change: Promise<unknown>) =>
      change.then(
        () => 'ok',
        ({ code, message, field, rule }: { code: string; message: string; field?: string; rule?: string }) => ({
          ...{ code, message, field, rule },
        }),
      );
    const changes = (chat: string) => [
      one.memberships.add(admin, chat, admin.id, acts),
      one.memberships.add(admin, chat, crypto.randomUUID(), acts),
      one.memberships.remove(admin, chat, bob.id, acts),
      one.memberships.remove(admin, chat, crypto.randomUUID(), acts),
      one.memberships.setRole(admin, chat, ann.id, 'owner', acts),
    ];
    const refusals = await Promise.all(changes(chatId).map(refusalOf));
    expect(refusals).toEqual(await Promise.all(changes(crypto.randomUUID()).map(refusalOf)));
    expect(refusals).toMatchObject(Array(5).fill({ code: 'NOT_FOUND' }));
    expect((await one.chatLog.heads([chatId]))[0]?.seq).toBe(2);
  });
});

describe('an admin in a direct chat of their own', () => {
  it('may do what the other may, and no more', async () => {
    const [ann, admin] = [await one.newUser(), await one.newUser('admin')];
    const [annActs, adminActs] = [await one.newViewer(ann), await one.newViewer(admin)];
    const { chatId } = await one.directChats.open(annActs, admin.id);
    const { id: messageId } = await one.messages.send(annActs, { chatId, content: 'hi' });
    const target = { chatId, messageId };
    await expect(one.messageChanges.delete(adminActs, target)).rejects.toMatchObject({ rule: 'message.not_yours' });
    await expect(one.messageChanges.forgetHistory(adminActs, target)).rejects.toMatchObject({
      rule: 'message.not_yours',
    });
    const everybody = { chatId, content: 'all', mentionAll: true };
    await expect(one.messages.send(adminActs, everybody)).rejects.toMatchObject({ rule: 'chat.role' });
    expect((await one.messageChanges.pin(adminActs, target)).extras?.pinnedBy).toEqual(admin);
    expect((await one.messageChanges.unpin(annActs, target)).extras?.pinnedAt).toBeNull();
    await one.reactions.add(adminActs, { ...target, emoji: '👍' });
    expect((await one.messages.send(adminActs, { chatId, content: 'hello', mentions: [ann.id] })).sender).toEqual(
      admin,
    );
  });
});

describe('a direct chat that its members hide', () => {
  const hide = (chatId: string, ...users: UserProfile[]) =>
    one.db.prisma.chatMembership.updateMany({
      where: { chatId, userId: { in: users.map(({ id }) => id) } },
      data: { hidden: true },
    });
  const stateOf = async (chatId: string, { id: userId }: UserProfile) => {
    const { hidden, stateMark } = await one.db.prisma.chatMembership.findUniqueOrThrow({
      where: { chatId_userId: { chatId, userId } },
    });
    return { hidden, stateMark: Number(stateMark) };
  };
  const append = (chatId: string, sender: UserProfile, more: { nonce?: string; extras?: object } = {}, count = 1) =>
    appendMessages(
      one.db,
      Array.from({ length: count }, () => ({
        ...{ id: newMessageId(), chatId, sender, content: 'hi' },
        nonce: more.nonce ?? null,
        extras: more.extras ? JSON.stringify(more.extras) : null,
        isNarrowed: false,
      })),
      50,
    );

  it('is shown again by the next message, which says whose state it has changed', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    await hide(chatId, ann, bob);
    expect(await append(chatId, ann)).toMatchObject([{ outcome: 'created', shownTo: [ann.id, bob.id].sort() }]);
    const { mark } = await one.db.prisma.chat.findUniqueOrThrow({ where: { id: chatId } });
    for (const user of [ann, bob])
      expect(await stateOf(chatId, user)).toEqual({ hidden: false, stateMark: Number(mark) });
    await hide(chatId, bob);
    const extras = { metadata: { a: 1 } };
    expect(await append(chatId, ann, { extras })).toMatchObject([{ outcome: 'created', shownTo: [bob.id] }]);
    const before = await stateOf(chatId, bob);
    expect(await append(chatId, ann)).toMatchObject([{ outcome: 'created', shownTo: null }]);
    expect(await stateOf(chatId, bob)).toEqual(before);
  });

  it('is shown by the first of many messages, once', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    await hide(chatId, bob);
    expect((await append(chatId, ann, {}, 6)).map(({ shownTo }) => shownTo)).toEqual([
      [bob.id],
      ...Array(5).fill(null),
    ]);
  });

  it('stays hidden when nothing is stored: a repeat, or a refusal', async () => {
    const { ann, bob, chatId } = await newDirectChat();
    await append(chatId, ann, { nonce: 'n' });
    await hide(chatId, bob);
    const eve = await one.newUser('admin');
    expect(await append(chatId, ann, { nonce: 'n' })).toMatchObject([{ outcome: 'repeated', shownTo: null }]);
    expect(await append(chatId, eve)).toMatchObject([{ outcome: 'unreachable', shownTo: null }]);
    expect(await append(chatId, eve, {}, 5)).toMatchObject(Array(5).fill({ outcome: 'unreachable', shownTo: null }));
    const extras = { mentions: [eve.id] };
    expect(await append(chatId, ann, { extras })).toMatchObject([{ outcome: 'no_member', shownTo: null }]);
    expect((await stateOf(chatId, bob)).hidden).toBe(true);
  });

  it('is not as a group, which stays hidden', async () => {
    const [ann, bob] = await newPair();
    const chat = await one.newChat(ann, bob);
    await hide(chat.id, bob);
    expect(await append(chat.id, ann)).toMatchObject([{ outcome: 'created', shownTo: null }]);
    expect((await stateOf(chat.id, bob)).hidden).toBe(true);
  });
});
