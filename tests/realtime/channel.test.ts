import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
  bob = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const onWire = ({ id, username }: UserProfile) => ({ id, username });

describe('a member of a chat', () => {
  it('hears hello first, then live at once', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.open(chat.name, await app.newToken(ann));
    const cursor = `${chat.epoch}:1`;
    expect(await socket.next()).toEqual({
      type: 'hello',
      chat: { id: chat.id, name: chat.name },
      user: onWire(ann),
      cursor,
      heartbeatSeconds: 25,
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(await socket.next()).toEqual({ type: 'live', cursor });
    await socket.close();
  });

  it('hears hello also when it begins to listen only after the socket is open', async () => {
    const chat = await services.newChat(ann);
    // The chat is open in this process already: nothing has to be asked before hello.
    const other = await app.join(chat.name, ann);
    const headers = { authorization: `Bearer ${await app.newToken(ann)}` };
    for (let count = 0; count < 20; count += 1) {
      const client = new WebSocket(app.url(chat.name), { headers });
      await once(client, 'open');
      const [data] = await once(client, 'message');
      expect(JSON.parse(String(data))).toMatchObject({ type: 'hello' });
      client.terminate();
    }
    await other.close();
  });

  it('sends, gets an ack with the nonce, and everybody gets the message, the nonce its sender only', async () => {
    const chat = await services.newChat(ann, bob);
    const [first, second, other] = await Promise.all([
      app.join(chat.name, ann),
      app.join(chat.name, ann),
      app.join(chat.name, bob),
    ]);
    first.send({ type: 'message.send', id: 'c1', content: '  hi  ', nonce: 'n1', unknown: [1] });
    const { message } = await first.next('ack');
    const expected = {
      id: expect.any(String),
      seq: 3,
      content: 'hi',
      createdAt: expect.stringMatching(/Z$/),
      sender: onWire(ann),
    };
    expect(message).toEqual({ ...expected, nonce: 'n1' });
    const event = {
      type: 'message.created',
      seq: 3,
      cursor: `${chat.epoch}:3`,
      at: expect.stringMatching(/Z$/),
      actor: onWire(ann),
    };
    const seenByAnn = await second.next('message.created');
    expect(seenByAnn).toEqual({ ...event, message });
    expect(first.frames.concat(await first.next('message.created'))).toContainEqual(seenByAnn);
    expect(await other.next()).toEqual({ ...event, message: expected });
    await Promise.all([first.close(), second.close(), other.close()]);
  });

  it('edits, pins and deletes messages, and shows the nonce of none to others', async () => {
    const chat = await services.newChat(ann, bob);
    await services.memberships.setRole(null, chat.id, bob.id, 'moderator');
    const [first, other] = await Promise.all([app.join(chat.name, ann), app.join(chat.name, bob)]);
    first.send({ type: 'message.send', id: 'c1', content: 'helo', nonce: 'n1' });
    const { message } = await first.next('ack');
    const messageId = Object(message).id;
    const edit = { type: 'message.edit', id: 'c2', messageId, content: 'hello', revision: 0, metadata: { a: 1 } };
    first.send({ ...edit, mentions: [bob.id] });
    const edited = {
      id: messageId,
      seq: 4,
      content: 'hello',
      revision: 1,
      metadata: { a: 1 },
      mentions: [onWire(bob)],
    };
    expect(await first.next('ack')).toMatchObject({ id: 'c2', message: { ...edited, nonce: 'n1' } });
    // Its answer may have been lost: the same again is answered as before, and makes no other event.
    first.send(edit);
    expect(await first.next('ack')).toMatchObject({ id: 'c2', message: edited });
    first.send({ ...edit, id: 'c2b', content: 'hallo' });
    expect(await first.next('error')).toMatchObject({ id: 'c2b', code: 'CONFLICT', field: 'revision' });
    other.send({ type: 'pin', id: 'c3', messageId });
    const pin = await other.next('ack');
    expect(pin).toMatchObject({ id: 'c3', message: { ...edited, pinnedBy: onWire(bob) } });
    expect(Object(pin.message)).not.toHaveProperty('nonce');
    other.send({ type: 'unpin', id: 'c4', messageId });
    expect(await other.next('ack')).toMatchObject({ id: 'c4', message: edited });
    other.send({ type: 'message.delete', id: 'c5', messageId });
    const tombstone = {
      ...{ id: messageId, seq: 4, content: '', createdAt: expect.any(String), sender: onWire(ann) },
      ...{ revision: 1, editedAt: expect.any(String), deletedAt: expect.any(String) },
    };
    expect(await other.next('ack')).toEqual({ type: 'ack', id: 'c5', message: tombstone });
    expect(await first.next('message.deleted')).toMatchObject({ seq: 8, actor: onWire(bob), message: tombstone });
    first.send({ type: 'message.delete', id: 'c6', messageId: 'no id' });
    expect(await first.next('error')).toMatchObject({ id: 'c6', code: 'NOT_FOUND', field: 'messageId' });
    first.send({ type: 'message.edit', id: 'c7', messageId, content: 'x', mentions: [1] });
    expect(await first.next('error')).toMatchObject({ id: 'c7', code: 'BAD_USER_INPUT', field: 'mentions' });
    first.send({ type: 'pin', id: 'c8' });
    expect(await first.next('error')).toMatchObject({ id: 'c8', code: 'BAD_USER_INPUT', field: 'messageId' });
    await Promise.all([first.close(), other.close()]);
  });

  it('talks with another, and a hundred sends of one socket keep their order', async () => {
    const chat = await services.newChat(ann, bob);
    const [speaker, listener] = await Promise.all([app.join(chat.name, ann), app.join(chat.name, bob)]);
    const contents = Array.from({ length: 100 }, (_, index) => `message ${index}`);
    for (const content of contents) speaker.send({ type: 'message.send', id: content, content });
    const acks = await speaker.take(100, 'ack');
    expect(acks.map((ack) => ack.id)).toEqual(contents);
    const heard = await listener.take(100);
    expect(heard.map((frame) => frame.message)).toMatchObject(contents.map((content) => ({ content })));
    expect(heard.map((frame) => frame.seq)).toEqual(contents.map((_, index) => index + 3));
    await Promise.all([speaker.close(), listener.close()]);
  });

  it('speaks as a client of Django Channels: no ack, but the message', async () => {
    const chat = await services.newChat(ann, bob);
    const [speaker, listener] = await Promise.all([app.join(chat.name, ann), app.join(chat.name, bob)]);
    speaker.send({ message: 'hi', username: 'ignored' });
    expect(await listener.next()).toMatchObject({ type: 'message.created', message: { content: 'hi' } });
    expect(await speaker.next()).toMatchObject({ type: 'message.created', message: { content: 'hi' } });
    speaker.send({ type: 'ping' });
    expect(await speaker.next()).toEqual({ type: 'pong' });
    speaker.send({ message: '   ' });
    expect(await speaker.next()).toMatchObject({ type: 'error', code: 'BAD_USER_INPUT', field: 'content' });
    await Promise.all([speaker.close(), listener.close()]);
  });

  it('gets the same message for a repeated nonce, and an error for the nonce with another content', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    const nonce = randomUUID();
    for (const id of ['1', '2']) socket.send({ type: 'message.send', id, content: 'once', nonce });
    const [first, second] = await socket.take(2, 'ack');
    expect(second?.message).toEqual(first?.message);
    socket.send({ type: 'message.send', id: '3', content: 'other', nonce });
    expect(await socket.next('error')).toMatchObject({ id: '3', code: 'NONCE_REUSED', field: 'nonce' });
    await socket.close();
  });

  it('gets an ack without an id for a frame without one', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send({ type: 'message.send', content: 'hi' });
    expect(Object.keys(await socket.next('ack'))).toEqual(['type', 'message']);
    await socket.close();
  });

  it('sees members come and go, and who did it', async () => {
    const admin = await services.newUser('admin');
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    const { joinedAt } = await services.memberships.add(admin, chat.id, bob.id);
    expect(await socket.next()).toEqual({
      type: 'member.added',
      seq: 2,
      cursor: `${chat.epoch}:2`,
      at: joinedAt.toISOString(),
      actor: onWire(admin),
      member: { user: onWire(bob), joinedAt: joinedAt.toISOString() },
    });
    await services.memberships.remove(null, chat.id, bob.id);
    expect(await socket.next()).toEqual({
      type: 'member.removed',
      cause: 'removed',
      seq: 3,
      cursor: `${chat.epoch}:3`,
      at: expect.stringMatching(/Z$/),
      actor: null,
      user: onWire(bob),
    });
    await socket.close();
  });
});

describe('an admin', () => {
  it('reads and writes a chat without being its member', async () => {
    const admin = await services.newUser('admin');
    const chat = await services.newChat(ann);
    const [socket, member] = await Promise.all([app.join(chat.name, admin), app.join(chat.name, ann)]);
    socket.send({ type: 'message.send', id: 'a', content: 'from above' });
    expect(await socket.next('ack')).toMatchObject({ message: { sender: onWire(admin) } });
    expect(await member.next()).toMatchObject({ message: { content: 'from above' } });
    await Promise.all([socket.close(), member.close()]);
  });
});

describe('what cannot be written', () => {
  const cases: [what: string, frame: object, error: object][] = [
    ['U+0000', { content: 'a\0b' }, { field: 'content', message: 'content must not contain U+0000.' }],
    ['a lone surrogate', { content: 'a\ud800b' }, { field: 'content', message: expect.stringMatching(/surrogate/) }],
    ['nothing but white space', { content: ' \n\t ' }, { field: 'content' }],
    ['4001 characters', { content: 'x'.repeat(4001) }, { field: 'content' }],
    ['no content', {}, { field: 'content', message: 'content must be a string.' }],
    ['content that is no string', { content: ['hi'] }, { field: 'content' }],
    ['an empty nonce', { content: 'hi', nonce: '' }, { field: 'nonce' }],
    ['a nonce of 129 characters', { content: 'hi', nonce: 'n'.repeat(129) }, { field: 'nonce' }],
    ['a nonce that is no string', { content: 'hi', nonce: 7 }, { field: 'nonce' }],
  ];

  it.each(cases)(
    '%s is answered with an error that names the field, and the socket goes on',
    async (_, frame, error) => {
      const chat = await services.newChat(ann);
      const socket = await app.join(chat.name, ann);
      socket.send({ type: 'message.send', id: 'c1', ...frame });
      expect(await socket.next()).toMatchObject({ type: 'error', id: 'c1', code: 'BAD_USER_INPUT', ...error });
      socket.send({ type: 'message.send', id: 'c2', content: '😀'.repeat(4000) });
      expect(await socket.next('ack')).toMatchObject({ id: 'c2', message: { seq: 2 } });
      await socket.close();
    },
  );

  it('an unknown type, a missing type and an unfit id are errors too', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send({ type: 'message.shout', id: 'c1' });
    expect(await socket.next()).toMatchObject({ type: 'error', id: 'c1', code: 'BAD_USER_INPUT', field: 'type' });
    socket.send({ id: 'c2' });
    expect(await socket.next()).toMatchObject({ type: 'error', id: 'c2', code: 'BAD_USER_INPUT', field: 'type' });
    socket.send({ type: 'ping', id: 7 });
    expect(await socket.next()).toMatchObject({ type: 'error', code: 'BAD_USER_INPUT', field: 'id' });
    socket.send({ type: 'ping', id: 'c3' });
    expect(await socket.next()).toEqual({ type: 'pong', id: 'c3' });
    await socket.close();
  });

  it('a token without the scope write may listen but not send', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.open(chat.name, await app.newToken(ann, ['read']));
    await socket.next('live');
    socket.send({ type: 'message.send', id: 'c1', content: 'hi' });
    expect(await socket.next()).toMatchObject({ type: 'error', id: 'c1', code: 'FORBIDDEN' });
    await socket.close();
  });

  it('who is removed in that moment gets an error, not silence', async () => {
    const chat = await services.newChat(ann, bob);
    const socket = await app.join(chat.name, bob);
    // Past the service, so that nobody tells the socket.
    await services.db.prisma.chatMembership.deleteMany({ where: { chatId: chat.id, userId: bob.id } });
    socket.send({ type: 'message.send', id: 'c1', content: 'hi' });
    expect(await socket.next()).toMatchObject({ type: 'error', id: 'c1', code: 'NOT_FOUND' });
    await socket.close();
  });
});

describe('a frame that is none', () => {
  const cases: [what: string, frame: string | Buffer][] = [
    ['no JSON', 'hello'],
    ['an empty text', ''],
    ['an array', '[]'],
    ['a string', '"hi"'],
    ['null', 'null'],
    ['a binary frame', Buffer.from('{"type":"ping"}')],
    ['very deep JSON', '['.repeat(30_000) + ']'.repeat(30_000)],
  ];

  it.each(cases)('%s ends the socket with 4400, after a closing frame', async (_, frame) => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send(frame);
    socket.send({ type: 'message.send', content: 'too late' });
    expect(await socket.closed).toEqual({ code: 4400, reason: 'malformed_frame' });
    expect(socket.frames.at(-1)).toEqual({ type: 'closing', code: 4400, reason: 'malformed_frame' });
    expect(await services.chatLog.lastMessages([chat.id])).toEqual(new Map());
  });
});

describe('frames before the server is ready', () => {
  it('are answered after hello, in their order', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.open(chat.name, await app.newToken(ann));
    for (const id of ['1', '2', '3']) socket.send({ type: 'ping', id });
    const frames = await socket.take(5);
    expect(frames[0]?.type).toBe('hello');
    expect(frames.filter((frame) => frame.type === 'pong').map((frame) => frame.id)).toEqual(['1', '2', '3']);
    await socket.close();
  });
});

describe('a reader of a chat', () => {
  it('hears it, and is told by which rule it may not write', async () => {
    const chat = await services.newChat(ann, bob);
    await services.memberships.setRole(null, chat.id, bob.id, 'reader');
    const socket = await app.join(chat.name, bob);
    socket.send({ type: 'message.send', id: '1', content: 'hi' });
    expect(await socket.next()).toEqual({
      ...{ type: 'error', id: '1', code: 'FORBIDDEN', rule: 'chat.role', needs: 'member' },
      message: 'This takes the role member in the chat.',
    });
    await services.memberships.setRole(null, chat.id, bob.id, 'member');
    expect(await socket.next()).toEqual({
      ...{ type: 'member.updated', seq: 4, cursor: `${chat.epoch}:4`, at: expect.any(String), actor: null },
      member: { user: onWire(bob), role: 'member', joinedAt: expect.any(String) },
    });
    socket.send({ type: 'message.send', id: '2', content: 'hi' });
    expect(await socket.next('ack')).toMatchObject({ id: '2' });
    await socket.close();
  });
});
