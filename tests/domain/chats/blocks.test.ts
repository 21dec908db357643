import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const newViewer = async () => services.newViewer(await services.newUser());
const idOf = ({ user }: Viewer) => user?.id ?? '';
const blocked = { code: 'FORBIDDEN', rule: 'direct.blocked' };

it('who is blocked writes nothing in the direct chat, whichever was first, until the block ends', async () => {
  for (const isOpenFirst of [true, false]) {
    const [ann, bob] = [await newViewer(), await newViewer()];
    if (isOpenFirst) await services.directChats.open(ann, idOf(bob));
    expect(await services.blocks.set(ann, idOf(bob).toUpperCase(), true)).toBe(true);
    expect(await services.blocks.set(ann, idOf(bob), true)).toBe(false);
    expect(await services.blocks.list(ann)).toEqual([bob.user]);
    expect(await services.blocks.list(bob)).toEqual([]);
    const { chatId } = await services.directChats.open(bob, idOf(ann));
    const send = (viewer: Viewer, more: object = {}) =>
      services.messages.send(viewer, { chatId, content: 'hi', ...more });
    await expect(send(bob)).rejects.toMatchObject(blocked);
    await expect(send(bob, { metadata: { a: 1 } })).rejects.toMatchObject(blocked);
    // The other one may; and who is blocked reads and reacts.
    const { id: messageId } = await send(ann);
    expect(await services.reactions.add(bob, { chatId, messageId, emoji: '👍' })).toMatchObject({ id: messageId });
    expect(await services.blocks.set(ann, idOf(bob), false)).toBe(true);
    expect(await services.blocks.set(ann, idOf(bob), false)).toBe(false);
    expect(await send(bob)).toMatchObject({ content: 'hi' });
  }
});

it('who is blocked edits nothing there, and deletes their own', async () => {
  const [ann, bob] = [await newViewer(), await newViewer()];
  const { chatId } = await services.directChats.open(ann, idOf(bob));
  const { id: messageId } = await services.messages.send(bob, { chatId, content: 'hi' });
  await services.blocks.set(ann, idOf(bob), true);
  await expect(services.messageChanges.edit(bob, { chatId, messageId, content: 'ho' })).rejects.toMatchObject(blocked);
  expect(await services.messageChanges.delete(bob, { chatId, messageId })).toMatchObject({ id: messageId });
});

it('a block changes nothing in group chats', async () => {
  const [ann, bob] = [await newViewer(), await newViewer()];
  if (!ann.user || !bob.user) throw new Error('They are users.');
  const { id: chatId } = await services.newChat(ann.user, bob.user);
  await services.blocks.set(ann, idOf(bob), true);
  expect(await services.messages.send(bob, { chatId, content: 'hi' })).toMatchObject({ content: 'hi' });
});

it('is of other users who are there', async () => {
  const ann = await newViewer();
  await expect(services.blocks.set(ann, idOf(ann), true)).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    field: 'id',
  });
  for (const id of ['x', crypto.randomUUID()])
    await expect(services.blocks.set(ann, id, true)).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'id' });
});

describe('a mention by somebody whom one blocks', () => {
  async function newGroup() {
    const [ann, bob, cid] = [await newViewer(), await newViewer(), await newViewer()];
    if (!ann.user || !bob.user || !cid.user) throw new Error('They are users.');
    const { id: chatId } = await services.newChat(ann.user, bob.user, cid.user);
    await services.memberships.setRole(null, chatId, idOf(bob), 'moderator');
    const send = (viewer: Viewer, more: object = {}) =>
      services.messages.send(viewer, { chatId, content: 'hi', ...more });
    const unread = async () => (await services.chatStates.of(idOf(ann), [chatId]))[0]?.unread;
    const listed = async () => (await services.mentionLists.page(idOf(ann), 100, undefined)).map(({ id }) => id);
    return { chatId, ann, bob, cid, send, unread, listed };
  }

  it('is counted and listed nowhere, and the messages are unread as others', async () => {
    const { ann, bob, cid, send, unread, listed } = await newGroup();
    const named = await send(bob, { mentions: [idOf(ann)] });
    await send(bob, { mentionAll: true });
    expect(await unread()).toMatchObject({ messages: 2, mentions: 2 });
    await services.blocks.set(ann, idOf(bob), true);
    await send(bob, { mentions: [idOf(ann), idOf(cid)] });
    expect(await unread()).toMatchObject({ messages: 3, mentions: 0 });
    expect(await listed()).toEqual([]);
    const { id } = await send(cid, { mentions: [idOf(ann)] });
    expect(await unread()).toMatchObject({ messages: 4, mentions: 1 });
    expect(await listed()).toEqual([id]);
    await services.blocks.set(ann, idOf(bob), false);
    expect(await unread()).toMatchObject({ mentions: 4 });
    expect(await listed()).toContain(named.id);
  });

  it('makes one follow no thread, and is not counted in those that one follows', async () => {
    const { chatId, ann, bob, cid, send, unread } = await newGroup();
    await services.blocks.set(ann, idOf(bob), true);
    const mentioning = await send(bob, { mentions: [idOf(ann)] });
    await send(cid, { thread: mentioning.id });
    const other = await send(cid);
    await send(bob, { thread: other.id, mentions: [idOf(ann)] });
    const plain = await send(bob, { thread: other.id });
    await services.messageChanges.edit(bob, { chatId, messageId: plain.id, content: 'ho', mentions: [idOf(ann)] });
    await send(cid, { thread: other.id });
    expect(await unread()).toMatchObject({ threads: 0, mentions: 0 });
    await services.threads.follow(ann, chatId, other.id, true);
    await send(bob, { thread: other.id, mentions: [idOf(ann)] });
    await send(bob, { thread: other.id, mentionAll: true });
    const place = { chatId, rootSeq: other.seq };
    expect(await services.threads.states(idOf(ann), [place])).toMatchObject([{ unread: 2, mentions: 0 }]);
    await send(cid, { thread: other.id, mentions: [idOf(ann)] });
    expect(await services.threads.states(idOf(ann), [place])).toMatchObject([{ unread: 3, mentions: 1 }]);
  });
});

it('nobody sees a block: there is no mute in the list of members, the state or the log', async () => {
  for (const isOpenFirst of [true, false]) {
    const [ann, bob] = [await newViewer(), await newViewer()];
    if (isOpenFirst) await services.directChats.open(ann, idOf(bob));
    await services.blocks.set(ann, idOf(bob), true);
    const { chatId, epoch, seq } = await services.directChats.open(bob, idOf(ann));
    const members = (await services.memberLists.list([chatId], { first: 10 })).get(chatId) ?? [];
    expect(members.map(({ mutedUntil }) => mutedUntil)).toEqual([null, null]);
    for (const viewer of [ann, bob])
      expect(await services.chatStates.of(idOf(viewer), [chatId])).toMatchObject([{ mutedUntil: null }]);
    const { events } = await services.chatLog.page({ chatId, epoch, seq }, 0, 10);
    expect(events).toMatchObject([{ member: { mutedUntil: null } }, { member: { mutedUntil: null } }]);
  }
});
