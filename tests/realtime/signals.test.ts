import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import type { RawSocket } from '../support/raw-socket.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ presenceTimes: { batchMs: 40, lingerMs: 100 } });
  app = await startRealtimeApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const onWire = ({ id, username }: UserProfile) => ({ id, username });

/** The answer to a ping says that every frame before it is handled, and none of them was answered. */
async function ping(socket: RawSocket): Promise<void> {
  socket.send({ type: 'ping', id: 'p' });
  expect(await socket.next()).toEqual({ type: 'pong', id: 'p' });
}

describe('typing', () => {
  it('reaches the others of the chat, with the thread, and is not answered', async () => {
    const chat = await services.newChat(ann, bob);
    const [own, other] = await Promise.all([app.join(chat.name, ann), app.join(chat.name, bob)]);
    const thread = crypto.randomUUID();
    own.send({ type: 'typing', id: 't', thread });
    expect(await other.next()).toEqual({ type: 'typing', user: onWire(ann), thread });
    // Within 3 s of the last time nobody is told.
    own.send({ type: 'typing' });
    other.send({ type: 'typing' });
    expect(await own.next()).toEqual({ type: 'typing', user: onWire(bob) });
    await ping(own);
    await ping(other);
    await Promise.all([own.close(), other.close()]);
  });

  it.each([
    [
      { type: 'typing', id: 't', thread: 1 },
      { field: 'thread', code: 'BAD_USER_INPUT' },
    ],
    [
      { type: 'typing', id: 't', thread: 'x' },
      { field: 'thread', code: 'BAD_USER_INPUT' },
    ],
  ])('is refused with a bad thread: %j', async (frame, error) => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send(frame);
    expect(await socket.next()).toMatchObject({ type: 'error', id: 't', ...error });
    await socket.close();
  });

  it('of a reader is refused, and reaches nobody', async () => {
    const chat = await services.newChat(ann, bob);
    await services.memberships.setRole(null, chat.id, bob.id, 'reader');
    const [reader, other] = await Promise.all([app.join(chat.name, bob), app.join(chat.name, ann)]);
    reader.send({ type: 'typing' });
    expect(await reader.next()).toMatchObject({ type: 'error', code: 'FORBIDDEN', rule: 'chat.role' });
    await ping(other);
    await Promise.all([reader.close(), other.close()]);
  });
});

it('signals do not wait for a member who does not read, and slow nobody', async () => {
  const chat = await services.newChat(ann, bob);
  const [slow, other] = await Promise.all([app.join(chat.name, bob), app.join(chat.name, bob)]);
  slow.socket.pause();
  const reads = Array.from({ length: 50 }, () => ({ userId: crypto.randomUUID(), seq: 1 }));
  // More than the kernel's buffers hold, and the service.
  const [rounds, signals] = [80, 50];
  for (let round = 0; round < rounds; round += 1) {
    for (let count = 0; count < signals; count += 1) services.signals.publish(chat.id, { type: 'receipts', reads });
    await other.take(signals, 'receipts');
  }
  slow.socket.resume();
  await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi' });
  await slow.next('message.created');
  expect(slow.frames.filter(({ type }) => type === 'receipts').length).toBeLessThan(rounds * signals);
  await Promise.all([slow.close(), other.close()]);
});

it('receipts come together, once a second', async () => {
  const chat = await services.newChat(ann, bob);
  const socket = await app.join(chat.name, bob);
  for (const seq of [1, 3, 2]) services.receipts.read({ chatId: chat.id, userId: ann.id, seq });
  expect(await socket.next()).toEqual({ type: 'receipts', reads: [{ user: ann.id, seq: 3 }] });
  await socket.close();
});

describe('presence', () => {
  it('is answered with what is so, and then with what changes, once it is asked for', async () => {
    const chat = await services.newChat(ann, bob);
    const stranger = await services.newUser();
    const socket = await app.join(chat.name, bob);
    socket.send({ type: 'presence', id: 'a', users: [ann.id, stranger.id, 'nobody'] });
    expect(await socket.next()).toEqual({
      type: 'presence',
      users: [{ id: ann.id, status: 'offline', lastActiveAt: expect.anything() }],
    });
    const other = await app.join(chat.name, ann);
    expect(await socket.next()).toMatchObject({ type: 'presence', users: [{ id: ann.id, status: 'online' }] });
    // The newest list counts.
    socket.send({ type: 'presence', users: [] });
    expect(await socket.next()).toEqual({ type: 'presence', users: [] });
    await other.close();
    const viewer = viewerOf(bob);
    await waitUntil('the other one is offline', 5000, async () => {
      const [presence] = await services.presences.read(viewer, [ann.id]);
      return presence?.status === 'offline';
    });
    await ping(socket);
    await socket.close();
  });

  it.each([
    [{ users: 'all' }, 'users'],
    [{ users: [1] }, 'users'],
    [{ users: Array.from({ length: 101 }, () => crypto.randomUUID()) }, 'users'],
  ])('is refused for %j', async (members, field) => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send({ type: 'presence', id: 'a', ...members });
    expect(await socket.next()).toMatchObject({ type: 'error', id: 'a', code: 'BAD_USER_INPUT', field });
    await socket.close();
  });

  it('is watched no longer than the socket is open', async () => {
    const chat = await services.newChat(ann, bob);
    const socket = await app.join(chat.name, bob);
    socket.send({ type: 'presence', users: [ann.id] });
    await socket.next('presence');
    await socket.close();
    await expect.poll(() => services.presences.watched).toBe(0);
  });
});
