import { afterAll, beforeAll, expect, it } from 'vitest';
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
