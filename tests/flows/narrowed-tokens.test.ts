import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { toProfile, type UserProfile } from '../../src/domain/profile.js';
import type { Viewer } from '../../src/domain/viewer.js';
import { RawSocket } from '../support/raw-socket.js';
import { startTeam } from '../support/service.js';
import { PASSWORD, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let ann: UserProfile;
let bob: UserProfile;
beforeAll(async () => {
  team = await startTeam();
  const { users } = team.first.app.services;
  ann = toProfile(await users.create({ username: 'ann', password: PASSWORD }));
  bob = toProfile(await users.create({ username: 'bob', password: PASSWORD }));
});
afterAll(() => team.close());

let count = 0;
async function newChat(...members: UserProfile[]) {
  count += 1;
  const { chats, memberships } = team.first.app.services;
  const chat = await chats.create(`narrow ${count}`);
  for (const { id } of members) await memberships.add(null, chat.id, id);
  return chat;
}

async function newToken(user: UserProfile, ...chats: { id: string }[]): Promise<string> {
  const issued = await team.first.app.services.tokens.issue({
    ...{ clientId: team.credentials.client_id, userId: user.id, scopes: ['read', 'write'], withRefreshToken: false },
    chatIds: chats.length > 0 ? chats.map(({ id }) => id) : undefined,
  });
  if (!issued) throw new Error('No token was issued.');
  return issued.accessToken;
}

async function newViewer(user: UserProfile, ...chats: { id: string }[]): Promise<Viewer> {
  const viewer = await team.first.app.services.tokens.authenticate(await newToken(user, ...chats));
  if (!viewer) throw new Error('The token is not valid.');
  return viewer;
}

const say = (user: UserProfile, chat: { id: string }, content: string) =>
  team.first.app.services.messages.send(viewerOf(user), { chatId: chat.id, content });

it('a narrowed token finds the people in its chats alone, bots too, and only while its user is in them', async () => {
  const { services } = team.first.app;
  const [here, elsewhere] = [await newChat(ann, bob), await newChat(ann)];
  const stranger = await services.users.create({ username: `stranger ${count}`.replace(' ', '-'), password: PASSWORD });
  const bot = await services.bots.forService(`bot-${count}`, undefined);
  await services.memberships.add(null, here.id, bot);
  await services.memberships.add(null, elsewhere.id, stranger.id);
  const token = await newToken(ann, here);
  const find = async () => {
    const ask = (name: string, id: string) => `${name}: user(id: "${id.toUpperCase()}") { id }`;
    const query = `{ ${ask('self', ann.id)} ${ask('bob', bob.id)} ${ask('bot', bot)} ${ask('stranger', stranger.id)} }`;
    const { data } = await team.first.query(token, query);
    return Object.entries(Object(data)).flatMap(([name, found]) => (found === null ? [] : [name]));
  };
  expect(await find()).toEqual(['self', 'bob', 'bot']);
  await services.memberships.remove(null, here.id, bob.id);
  expect(await find()).toEqual(['self', 'bot']);
  await services.memberships.remove(null, here.id, ann.id);
  expect(await find()).toEqual(['self']);
  const { data } = await team.first.query(await newToken(ann), `{ user(id: "${stranger.id}") { id } }`);
  expect(data).toEqual({ user: { id: stranger.id } });
});

describe('the owner of a chat, with a token that is narrowed to it,', () => {
  it('has the rights of a member', async () => {
    const { services } = team.first.app;
    const chat = await newChat(ann, bob);
    await services.memberships.setRole(null, chat.id, ann.id, 'owner');
    const [own, other] = [await say(ann, chat, 'mine'), await say(bob, chat, 'yours')];
    const narrowed = await newViewer(ann, chat);
    const on = ({ id }: { id: string }) => ({ chatId: chat.id, messageId: id });
    const tooLow = { code: 'FORBIDDEN', rule: 'chat.role' };
    await expect(services.messageChanges.pin(narrowed, on(own))).rejects.toMatchObject(tooLow);
    await expect(services.messageChanges.unpin(narrowed, on(own))).rejects.toMatchObject(tooLow);
    const notYours = { code: 'FORBIDDEN', rule: 'message.not_yours' };
    await expect(services.messageChanges.delete(narrowed, on(other))).rejects.toMatchObject(notYours);
    await expect(services.messageChanges.deleteMany(narrowed, chat.id, [own.id, other.id])).rejects.toMatchObject(
      notYours,
    );
    await expect(services.messageChanges.forgetHistory(narrowed, on(other))).rejects.toMatchObject(notYours);
    await expect(services.memberships.remove(ann, chat.id, bob.id, narrowed)).rejects.toMatchObject(tooLow);
    await expect(services.memberships.setRole(ann, chat.id, bob.id, 'owner', narrowed)).rejects.toMatchObject(tooLow);
    const all = { chatId: chat.id, content: 'all', mentionAll: true };
    await expect(services.messages.send(narrowed, all)).rejects.toMatchObject(tooLow);

    expect(await services.messageChanges.edit(narrowed, { ...on(own), content: 'still mine' })).toMatchObject({
      content: 'still mine',
    });
    await services.messageChanges.forgetHistory(narrowed, on(own));
    expect(await services.messageChanges.delete(narrowed, on(own))).toMatchObject({ content: '' });
    const { data } = await team.first.query(
      await newToken(ann, chat),
      `{ chat(id: "${chat.id}") { viewerCan } message(chatId: "${chat.id}", id: "${other.id}") { viewerCan } }`,
    );
    expect(data).toEqual({
      chat: {
        viewerCan: [
          ...['read', 'markRead', 'report', 'leave', 'react', 'send', 'reply', 'upload', 'type', 'edit', 'delete'],
        ],
      },
      message: { viewerCan: ['reply', 'react', 'report'] },
    });
    // The wide token has them all.
    expect(await services.messageChanges.delete(await newViewer(ann), on(other))).toMatchObject({ content: '' });
  });

  it('acts no more when its user has become an admin since it was checked', async () => {
    const { services, db } = team.first.app;
    const user = toProfile(await services.users.create({ username: 'promoted', password: PASSWORD }));
    const chat = await newChat(user, bob);
    const narrowed = await newViewer(user, chat);
    await services.memberships.setRole(null, chat.id, user.id, 'owner');
    await services.users.update(user.id, { role: 'admin' });
    const ended = { code: 'UNAUTHENTICATED' };
    await expect(services.chatChanges.update(narrowed, chat.id, { topic: 'mine' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    const pin = services.messageChanges.pin(narrowed, { chatId: chat.id, messageId: (await say(bob, chat, 'hi')).id });
    await expect(pin).rejects.toMatchObject(ended);
    await expect(services.ownMembership.leave(narrowed, chat.id)).rejects.toMatchObject(ended);
    expect((await db.prisma.chat.findUniqueOrThrow({ where: { id: chat.id } })).lastSeq).toBe(4);
    await services.users.update(user.id, { role: 'user' });
  });

  it('still pins in a direct chat, where members do', async () => {
    const { services } = team.first.app;
    const { chatId: id } = await services.directChats.open(await newViewer(ann), bob.id);
    const message = await say(bob, { id }, 'hi');
    const target = { chatId: id, messageId: message.id };
    expect(await services.messageChanges.pin(await newViewer(ann, { id }), target)).toMatchObject({
      extras: { pinnedBy: { id: ann.id } },
    });
  });
});

describe('a narrowed token', () => {
  it('reads lists of its chats alone', async () => {
    const { services } = team.first.app;
    const [here, there] = [await newChat(ann, bob), await newChat(ann, bob)];
    for (const chat of [here, there])
      await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'ann!', mentions: [ann.id] });
    const token = await newToken(ann, here);
    const { data } = await team.first.query(
      token,
      '{ chats { id } inbox { items { chat { id } } } mentions { chat { id } } }',
    );
    expect(data).toEqual({
      chats: [{ id: here.id }],
      inbox: { items: [{ chat: { id: here.id } }] },
      mentions: [{ chat: { id: here.id } }],
    });
    const other = (await services.mentionLists.page(ann.id, 1, undefined))[0];
    expect(other?.chatId).toBe(there.id);
    const page = await team.first.query(token, `{ mentions(before: "${other?.id}") { id } }`);
    expect(page.codes).toEqual(['BAD_USER_INPUT']);
  });

  it('marks its chats alone as read, and those that its user is a member of', async () => {
    const { services } = team.first.app;
    const [here, there, nowhere] = [await newChat(ann, bob), await newChat(ann, bob), await newChat(bob)];
    for (const chat of [here, there]) await say(bob, chat, 'unread');
    const token = await newToken(ann, here, nowhere);
    const marked = await team.first.query(token, 'mutation { markAllRead }');
    expect(marked.data).toEqual({ markAllRead: true });
    const states = await services.chatStates.of(ann.id, [here.id, there.id]);
    const unread = new Map(states.map(({ chatId, unread: { messages } }) => [chatId, messages]));
    expect(unread).toEqual(
      new Map([
        [here.id, 0],
        [there.id, 1],
      ]),
    );
    const other = await team.first.query(token, `mutation { markAllRead(chatIds: ["${there.id}"]) }`);
    expect(other.codes).toEqual(['NOT_FOUND']);
  });

  it('knows who is there among those in its chats', async () => {
    const { services } = team.first.app;
    const [here, there] = [await newChat(ann), await newChat(ann, bob)];
    const asked = [ann.id, bob.id];
    const idsOf = async (viewer: Viewer) =>
      (await services.presences.read(viewer, asked)).map(({ userId }) => userId).toSorted();
    expect(await idsOf(await newViewer(ann, there))).toEqual(asked.toSorted());
    expect(await idsOf(await newViewer(ann, here))).toEqual([ann.id]);
  });

  it('makes tickets that are as narrow', async () => {
    const { services } = team.first.app;
    const [here, there] = [await newChat(ann), await newChat(ann)];
    const viewer = await newViewer(ann, here);
    const open = async (chat: { name: string }) => {
      const ticket = await services.tokens.createSocketTicket(viewer);
      return RawSocket.open(`${team.first.wsOrigin}/ws/chat/${encodeURIComponent(chat.name)}/?ticket=${ticket}`);
    };
    const socket = await open(here);
    await socket.next('live');
    await socket.close();
    await expect(open(there)).rejects.toMatchObject({ status: 404 });
  });

  it('is told on the inbox that another chat is none, whatever frame it sends about it', async () => {
    const { services } = team.first.app;
    const [here, there] = [await newChat(ann, bob), await newChat(ann, bob)];
    const message = await services.messages.send(viewerOf(ann), { chatId: there.id, content: 'mine' });
    const socket = await RawSocket.open(`${team.first.wsOrigin}/ws/inbox/`, {
      headers: { authorization: `Bearer ${await newToken(ann, here)}` },
    });
    await socket.next('live');
    const about = { chatId: there.id, messageId: message.id };
    const frames = [
      { type: 'message.send', chatId: there.id, content: 'hi' },
      { type: 'message.edit', ...about, content: 'other' },
      { type: 'message.delete', ...about },
      { type: 'pin', ...about },
      { type: 'unpin', ...about },
      { type: 'reaction.add', ...about, emoji: '👍' },
      { type: 'reaction.remove', ...about, emoji: '👍' },
      { type: 'read', chatId: there.id, seq: 1 },
      { type: 'typing', chatId: there.id },
    ];
    for (const [index, frame] of frames.entries()) {
      socket.send({ ...frame, id: `f${index}` });
      expect(await socket.next(), frame.type).toMatchObject({ type: 'error', id: `f${index}`, code: 'NOT_FOUND' });
    }
    await socket.close();
  });

  it('becomes a member later, and reaches the chat then', async () => {
    const { services } = team.first.app;
    const chat = await newChat(bob);
    const token = await newToken(ann, chat);
    const query = `{ messages(chatId: "${chat.id}") { id } }`;
    expect((await team.first.query(token, query)).codes).toEqual(['NOT_FOUND']);
    await services.memberships.add(null, chat.id, ann.id);
    expect((await team.first.query(token, query)).codes).toEqual([]);
  });

  it('ends at once when its user becomes an admin', async () => {
    const { services } = team.first.app;
    const eve = toProfile(await services.users.create({ username: 'eve', password: PASSWORD }));
    const chat = await newChat(eve);
    const socket = await team.first.channel(await newToken(eve, chat), chat.name);
    await socket.next('live');
    await services.users.update(eve.id, { role: 'admin' });
    expect(await socket.closed).toEqual({ code: 4403, reason: 'token_revoked' });
  });

  it('says by which rule it is refused', async () => {
    const { services } = team.first.app;
    const viewer = await newViewer(ann, await newChat(ann));
    const refused = { code: 'FORBIDDEN', rule: 'token.narrowed' };
    await expect(services.directChats.open(viewer, bob.id)).rejects.toMatchObject(refused);
    await expect(services.users.changePassword(viewer, 'x', 'another password')).rejects.toMatchObject(refused);
  });
});

describe('a token that replaces another on an open socket', () => {
  it('closes the raw channel of a chat that it does not reach, and keeps one that it reaches', async () => {
    const [here, there] = [await newChat(ann, bob), await newChat(ann, bob)];
    const token = await newToken(ann, there);
    const [lost, kept] = [
      await team.first.channel(await newToken(ann), here.name),
      await team.first.channel(await newToken(ann), there.name),
    ];
    for (const socket of [lost, kept]) {
      await socket.next('live');
      socket.send({ type: 'auth', token });
    }
    expect(await lost.closed).toEqual({ code: 4410, reason: 'out_of_reach' });
    await kept.next('ack');
    await say(bob, there, 'still here');
    expect(await kept.next('message.created')).toMatchObject({ message: { content: 'still here' } });
    await kept.close();
  });

  it('completes the subscriptions of a chat that it does not reach', async () => {
    const [here, there] = [await newChat(ann, bob), await newChat(ann, bob)];
    const subscription = (chat: { id: string }) => `subscription { chatEvents(chatId: "${chat.id}") { seq } }`;
    const authorization = `Bearer ${await newToken(ann)}`;
    const client = createClient({
      url: `${team.first.wsOrigin}/graphql/`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 0,
    });
    const follow = (query: string) => client.iterate<Record<string, unknown>>({ query });
    const lost = [
      follow(subscription(here)),
      follow(`subscription { chatSignals(chatId: "${here.id}") { __typename } }`),
    ];
    const kept = follow(subscription(there));
    const ends = lost.map((each) => each.next());
    const token = await newToken(ann, there);
    const renewed = client.iterate({ query: `mutation { reauthenticate(token: "${token}") }` });
    expect((await renewed.next()).value).toEqual({ data: { reauthenticate: true } });
    for (const end of ends) expect(await end).toEqual({ done: true, value: undefined });
    await say(bob, there, 'still here');
    expect((await kept.next()).value).toMatchObject({ data: { chatEvents: { seq: 3 } } });
    await client.dispose();
  });

  it('takes chats out of the inbox and puts others in, without an event', async () => {
    const [one, two, three] = [await newChat(ann, bob), await newChat(ann, bob), await newChat(ann, bob)];
    const url = `${team.first.wsOrigin}/ws/inbox/`;
    const open = async (token: string) => RawSocket.open(url, { headers: { authorization: `Bearer ${token}` } });
    const socket = await open(await newToken(ann, one, two));
    await socket.next('live');
    await say(bob, three, 'not yet');
    await say(bob, one, 'first');
    expect(await socket.next('message.created')).toMatchObject({ chatId: one.id, message: { content: 'first' } });

    socket.send({ type: 'auth', id: 'a', token: await newToken(ann, two, three) });
    await socket.next('ack');
    await say(bob, one, 'no more');
    await say(bob, two, 'second');
    expect(await socket.next('message.created')).toMatchObject({ chatId: two.id, message: { content: 'second' } });
    const hears = (chat: { id: string }) =>
      waitUntil('the chat has entered the inbox', 5000, async () => {
        await say(bob, chat, 'anybody?');
        return socket.frames.some(({ type, chatId }) => type === 'message.created' && chatId === chat.id);
      });
    await hears(three);
    expect(socket.frames.filter(({ chatId, message }) => chatId === one.id && message !== undefined)).toHaveLength(1);

    socket.send({ type: 'auth', id: 'b', token: await newToken(ann) });
    await socket.next('ack');
    const before = socket.frames.length;
    await waitUntil('the chat is in the inbox again', 5000, async () => {
      await say(bob, one, 'anybody?');
      return socket.frames.slice(before).some(({ chatId }) => chatId === one.id);
    });
    // What was said while the chat was out of reach did not come.
    const contents = socket.frames.flatMap(({ message }) => message ?? []);
    expect(contents).not.toContainEqual(expect.objectContaining({ content: 'no more' }));
    await socket.close();
  });

  it('does not hear of chats that its user joins outside of it', async () => {
    const { services } = team.first.app;
    const [inside, outside] = [await newChat(ann, bob), await newChat(bob)];
    const url = `${team.first.wsOrigin}/ws/inbox/`;
    const socket = await RawSocket.open(url, { headers: { authorization: `Bearer ${await newToken(ann, inside)}` } });
    await socket.next('live');
    await services.memberships.add(null, outside.id, ann.id);
    await services.markers.markRead(await newViewer(ann), { chatId: outside.id, seq: 1 });
    await say(bob, outside, 'outside');
    await say(bob, inside, 'inside');
    const { type, chatId } = await socket.next();
    expect({ type, chatId }).toEqual({ type: 'message.created', chatId: inside.id });
    await socket.close();
  });
});
