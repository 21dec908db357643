import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type Frame, StreamRefused } from '../support/frame-queue.js';
import { RawSocket } from '../support/raw-socket.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ probeIntervalMs: 25, markerIntervalMs: 10 });
  app = await startRealtimeApp(services);
  bob = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function openInbox(user: UserProfile, query: Record<string, string> = {}): Promise<RawSocket> {
  const headers = { authorization: `Bearer ${await app.newToken(user)}` };
  return RawSocket.open(`${app.origin}/ws/inbox?${new URLSearchParams(query)}`, { headers });
}

const named = ({ type, chatId, seq }: Frame) => `${type} ${chatId} ${seq}`;
const positionOf = (frame: Frame | undefined) => String(frame?.position);

it('has the events of all chats, and joining and being removed are among them', async () => {
  const ann = await services.newUser();
  const first = await services.newChat(ann, bob);
  const inbox = await openInbox(ann);
  expect(await inbox.next()).toEqual({
    type: 'hello',
    user: { id: ann.id, username: ann.username },
    position: expect.any(String),
    heartbeatSeconds: 25,
    expiresAt: expect.any(String),
  });
  expect(await inbox.next()).toMatchObject({ type: 'live' });
  const second = await services.newChat(bob);
  await services.memberships.add(null, second.id, ann.id);
  expect(await inbox.next()).toMatchObject({
    type: 'member.added',
    seq: 2,
    chatId: second.id,
    cursor: `${second.epoch}:2`,
    position: expect.any(String),
    member: { user: { id: ann.id } },
  });
  inbox.send({ type: 'message.send', id: 'a', chatId: first.id, content: 'hi' });
  const frames = await inbox.take(2);
  expect(frames).toContainEqual({
    type: 'ack',
    id: 'a',
    chatId: first.id,
    message: expect.objectContaining({ seq: 3 }),
  });
  expect(frames).toContainEqual(expect.objectContaining({ type: 'message.created', chatId: first.id, seq: 3 }));
  inbox.send({ type: 'message.send', id: 'b', content: 'to whom' });
  expect(await inbox.next('error')).toMatchObject({ id: 'b', code: 'BAD_USER_INPUT', field: 'chatId' });
  await services.memberships.remove(null, second.id, ann.id);
  expect(await inbox.next()).toMatchObject({ type: 'member.removed', chatId: second.id, seq: 3 });
  inbox.send({ type: 'message.send', id: 'c', chatId: second.id, content: 'hi' });
  expect(await inbox.next()).toMatchObject({ type: 'error', id: 'c', chatId: second.id, code: 'NOT_FOUND' });
  await inbox.close();
});

it('resumes after any position: what was missed once and in order, then live', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann, bob);
  const left = await services.newChat(ann, bob);
  const before = await openInbox(ann);
  const { position } = await before.next('hello');
  await before.close();
  const bobs = await app.join(chat.name, bob);
  for (const content of ['1', '2']) bobs.send({ type: 'message.send', content });
  await bobs.take(2, 'ack');
  await services.memberships.remove(null, left.id, ann.id);
  const again = await openInbox(ann, { after: String(position) });
  // Other text, the same position.
  const hello = await again.next('hello');
  const missed = await again.take(3);
  expect(missed.map(named).sort()).toEqual(
    [`message.created ${chat.id} 3`, `message.created ${chat.id} 4`, `member.removed ${left.id} 3`].sort(),
  );
  expect(await again.next()).toMatchObject({ type: 'live' });
  await again.close();
  // At the beginning again, and in the middle of what was missed.
  for (const [from, after] of [positionOf(hello), positionOf(missed[0])].entries()) {
    const third = await openInbox(ann, { after });
    await third.next('hello');
    const rest = await third.take(3 - from);
    expect(rest.map(named).sort()).toEqual(missed.slice(from).map(named).sort());
    expect(await third.next()).toMatchObject({ type: 'live' });
    await third.close();
  }
  await bobs.close();
});

it('says a gap where more was missed than the client wants, and the removal that ended it', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann, bob);
  const left = await services.newChat(ann, bob);
  const before = await openInbox(ann);
  const { position } = await before.next('hello');
  await before.close();
  for (const { name } of [chat, left]) {
    const bobs = await app.join(name, bob);
    for (const content of ['1', '2']) bobs.send({ type: 'message.send', content });
    await bobs.take(2, 'ack');
    await bobs.close();
  }
  await services.memberships.remove(null, left.id, ann.id);
  const again = await openInbox(ann, { after: String(position), maxMissed: '1' });
  await again.next('hello');
  const frames = await again.take(4);
  const gap = (of: typeof chat) => ({
    ...{ type: 'gap', chatId: of.id, after: `${of.epoch}:2`, cursor: `${of.epoch}:4`, position: expect.any(String) },
  });
  expect(frames).toContainEqual(gap(chat));
  expect(frames).toContainEqual(gap(left));
  expect(frames).toContainEqual(expect.objectContaining({ type: 'member.removed', chatId: left.id, seq: 5 }));
  expect(frames.at(-1)?.type).toBe('live');
  await again.close();
});

it('tells all devices of a user that a marker has moved', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann, bob);
  const devices = await Promise.all([openInbox(ann), openInbox(ann)]);
  for (const device of devices) await device.next('live');
  devices[0].send({ type: 'read', id: 'r', chatId: chat.id, seq: 2 });
  expect(await devices[0].next('ack')).toMatchObject({ id: 'r', chatId: chat.id, state: { readSeq: 2 } });
  const state = {
    ...{ readSeq: 2, notify: 'all', hidden: false, mutedUntil: null, role: 'member' },
    unread: { messages: 0, capped: false, mentions: 0, threads: 0, firstSeq: null },
  };
  const frame = await devices[1].next('chat.state');
  expect(frame).toEqual({ type: 'chat.state', chatId: chat.id, position: expect.any(String), state });
  const away = await openInbox(ann, { after: positionOf(devices[1].frames[0]) });
  expect(await away.next('chat.state')).toMatchObject({ chatId: chat.id, state });
  for (const device of [...devices, away]) await device.close();
});

it('begins anew when the history was replaced, with the new position', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann, bob);
  const inbox = await openInbox(ann);
  const { position } = await inbox.next('live');
  await services.chats.rotateEpoch();
  const reset = await inbox.next('reset');
  expect(reset).toEqual({ type: 'reset', reason: 'epoch', position: expect.any(String) });
  expect(reset.position).not.toBe(position);
  expect(await inbox.next()).toMatchObject({ type: 'live' });
  const old = await openInbox(ann, { after: String(position) });
  expect((await old.take(3)).map(({ type }) => type)).toEqual(['hello', 'reset', 'live']);
  inbox.send({ type: 'message.send', chatId: chat.id, content: 'hi' });
  expect(await old.next()).toMatchObject({ type: 'message.created', chatId: chat.id });
  await inbox.close();
  await old.close();
});

it.each([
  [{ after: 'i1.AAAA' }, 400],
  [{ after: 'k3f9:57' }, 400],
  [{ maxMissed: '-1' }, 400],
  [{ maxMissed: '5001' }, 400],
])('refuses %j with %d', async (query, status) => {
  await expect(openInbox(bob, query)).rejects.toMatchObject({ status });
});

it('refuses the eleventh inbox of a user with 429', async () => {
  const ann = await services.newUser();
  const inboxes = await Promise.all(Array.from({ length: 10 }, () => openInbox(ann)));
  for (const inbox of inboxes) await inbox.next('live');
  const eleventh = openInbox(ann);
  await expect(eleventh).rejects.toBeInstanceOf(StreamRefused);
  await expect(eleventh).rejects.toMatchObject({ status: 429 });
  for (const inbox of inboxes) await inbox.close();
});

/** Resolves when the inbox streams the chat: it has an event of it. */
async function openedIn(inbox: RawSocket, chat: { id: string }): Promise<void> {
  await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'hi', nonce: undefined });
  for (let frame = await inbox.next('message.created'); frame.chatId !== chat.id; )
    frame = await inbox.next('message.created');
}

it('has typing and receipts of the chats that it asks for, and of no others', async () => {
  const ann = await services.newUser();
  const [first, second, others] = [
    await services.newChat(ann, bob),
    await services.newChat(ann, bob),
    await services.newChat(bob),
  ];
  const inbox = await openInbox(ann, { signals: `${first.id},${others.id}` });
  await inbox.next('live');
  for (const chat of [first, second]) await openedIn(inbox, chat);
  const user = { id: bob.id, username: bob.username };
  const signalAll = () => {
    for (const { id } of [others, second, first])
      services.signals.publish(id, { type: 'typing', user: bob, thread: null });
  };
  signalAll();
  expect(await inbox.next()).toEqual({ type: 'typing', chatId: first.id, user });
  inbox.send({ type: 'signals', chats: [second.id.toUpperCase()] });
  inbox.send({ type: 'ping' });
  expect(await inbox.next()).toMatchObject({ type: 'pong' });
  signalAll();
  services.signals.publish(second.id, { type: 'receipts', reads: [{ userId: bob.id, seq: 3 }] });
  expect(await inbox.take(2)).toEqual([
    { type: 'typing', chatId: second.id, user },
    { type: 'receipts', chatId: second.id, reads: [{ user: bob.id, seq: 3 }] },
  ]);
  // Its own user's typing is not told, and nothing after the removal.
  services.signals.publish(second.id, { type: 'typing', user: ann, thread: null });
  await services.memberships.remove(null, second.id, ann.id);
  expect(await inbox.next()).toMatchObject({ type: 'member.removed', chatId: second.id });
  signalAll();
  inbox.send({ type: 'ping' });
  expect(await inbox.next()).toMatchObject({ type: 'pong' });
  await inbox.close();
});

it('hears the signals that it asks for from live and from the answer on, however quiet the chats are', async () => {
  const ann = await services.newUser();
  const chats = [await services.newChat(ann), await services.newChat(ann), await services.newChat(bob)];
  const [first, second, others] = chats.map(({ id }) => id);
  const inbox = await openInbox(ann, { signals: `${others},${first}` });
  const signalAll = () => {
    for (const { id } of chats) services.signals.publish(id, { type: 'receipts', reads: [{ userId: bob.id, seq: 1 }] });
  };
  await inbox.next('live');
  signalAll();
  expect(await inbox.next()).toMatchObject({ type: 'receipts', chatId: first });
  inbox.send({ type: 'signals', id: 's', chats: [second?.toUpperCase(), others] });
  expect(await inbox.next()).toEqual({ type: 'ack', id: 's', chats: [second, others] });
  signalAll();
  expect(await inbox.next()).toMatchObject({ type: 'receipts', chatId: second });
  inbox.send({ type: 'signals', id: 't', chats: [] });
  expect(await inbox.next()).toEqual({ type: 'ack', id: 't', chats: [] });
  signalAll();
  inbox.send({ type: 'ping' });
  expect(await inbox.next()).toMatchObject({ type: 'pong' });
  await inbox.close();
});

it('refuses signals of what is no list of at most 20 ids', async () => {
  const inbox = await openInbox(bob);
  await inbox.next('live');
  const ids = Array.from({ length: 21 }, () => crypto.randomUUID());
  for (const chats of [ids, ['x'], 'x', undefined]) {
    inbox.send({ type: 'signals', id: 's', chats });
    expect(await inbox.next()).toMatchObject({ type: 'error', id: 's', code: 'BAD_USER_INPUT', field: 'chats' });
  }
  await inbox.close();
  for (const signals of [ids.join(), 'x'])
    await expect(openInbox(bob, { signals })).rejects.toMatchObject({ status: 400 });
  const chat = await services.newChat(bob);
  const channel = await app.join(chat.name, bob);
  channel.send({ type: 'signals', id: 's', chats: [chat.id] });
  expect(await channel.next()).toMatchObject({ type: 'error', id: 's', code: 'BAD_USER_INPUT', field: 'type' });
  await channel.close();
});
