import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

const LIMIT = 4;

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices({ receiptsLimit: LIMIT, markerIntervalMs: 0 });
});
afterAll(() => services.close());

/** A chat of three, the first of whom sends. */
async function newTalk() {
  const members = [await services.newUser(), await services.newUser(), await services.newUser()];
  const [ann, bob, cai] = members as [UserProfile, UserProfile, UserProfile];
  const { id: chatId } = await services.newChat(ann, bob, cai);
  const send = (extras: SendExtras = {}) => services.messages.send(viewerOf(ann), { chatId, content: 'hi', ...extras });
  const mark = (user: UserProfile, seq: number, thread?: string) =>
    services.markers.move(viewerOf(user), { chatId, seq, thread });
  return { ann, bob, cai, chatId, send, mark };
}

const ALL = { first: 100 };
async function readers(message: ChatMessage, page: { first: number; after?: string } = ALL) {
  const [read] = await services.readers.list([message], page);
  return read?.map(({ id }) => id) ?? null;
}
const count = async (message: ChatMessage) => (await services.readers.counts([message]))[0];
const ids = (...users: UserProfile[]) => users.map(({ id }) => id).sort();

it('are the members whose marker is there, without the sender', async () => {
  const { ann, bob, cai, send, mark } = await newTalk();
  const [first, second] = [await send(), await send()];
  expect([await readers(first), await count(first)]).toEqual([[], 0]);
  await mark(ann, second.seq);
  await mark(bob, first.seq);
  expect([await readers(first), await count(first)]).toEqual([[bob.id], 1]);
  expect([await readers(second), await count(second)]).toEqual([[], 0]);
  await mark(cai, second.seq);
  expect([await readers(first), await count(first)]).toEqual([ids(bob, cai), 2]);
  expect([await readers(second), await count(second)]).toEqual([[cai.id], 1]);
  expect(await services.readers.counts([second, first, second])).toEqual([1, 2, 1]);
});

it('are paged in the order of the users’ ids', async () => {
  const { bob, cai, send, mark } = await newTalk();
  const message = await send();
  await mark(bob, message.seq);
  await mark(cai, message.seq);
  const [lower = '', higher] = ids(bob, cai);
  expect(await readers(message, { first: 1 })).toEqual([lower]);
  expect(await readers(message, { first: 1, after: lower })).toEqual([higher]);
  expect(await readers(message, { first: 1, after: higher ?? '' })).toEqual([]);
  expect(await services.readers.list([message, message], ALL, 1)).toMatchObject([[{ id: lower }], null]);
});

it('go with leaving, and are not of what was sent before one joined', async () => {
  const { bob, cai, chatId, send, mark } = await newTalk();
  const before = await send();
  await mark(bob, before.seq);
  await mark(cai, before.seq);
  await services.memberships.remove(null, chatId, bob.id);
  expect(await readers(before)).toEqual([cai.id]);
  await services.memberships.add(null, chatId, bob.id);
  expect([await readers(before), await count(before)]).toEqual([[cai.id], 1]);
  const after = await send();
  await mark(bob, after.seq);
  expect([await readers(before), await readers(after)]).toEqual([[cai.id], [bob.id]]);
});

it('of a reply are those whose marker of the thread is there, or either marker when the reply is in the chat too', async () => {
  const { bob, cai, send, mark } = await newTalk();
  const root = await send();
  const reply = await send({ thread: root.id });
  const shown = await send({ thread: root.id, alsoInChat: true });
  await mark(bob, shown.seq);
  expect([await readers(root), await readers(reply), await readers(shown)]).toEqual([[bob.id], [], [bob.id]]);
  await mark(cai, shown.seq, root.id);
  expect([await readers(root), await readers(reply), await readers(shown)]).toEqual([
    [bob.id],
    [cai.id],
    ids(bob, cai),
  ]);
  expect(await services.readers.counts([root, reply, shown])).toEqual([1, 1, 2]);
});

it('are none in a chat with more members than the limit, and there again when it shrinks', async () => {
  const { bob, chatId, send, mark } = await newTalk();
  const message = await send();
  await mark(bob, message.seq);
  const more = [await services.newUser(), await services.newUser()];
  await services.memberships.add(null, chatId, more[0]?.id ?? '');
  expect([await readers(message), await count(message)]).toEqual([[bob.id], 1]);
  await services.memberships.add(null, chatId, more[1]?.id ?? '');
  expect([await readers(message), await count(message)]).toEqual([null, null]);
  const other = await newTalk();
  const small = await other.send();
  expect(await services.readers.counts([message, small])).toEqual([null, 0]);
  await services.memberships.remove(null, chatId, more[1]?.id ?? '');
  expect([await readers(message), await count(message)]).toEqual([[bob.id], 1]);
});
