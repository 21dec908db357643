import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  archiveChat,
  deleteChat,
  joinChat,
  leaveChat,
  listPublicChats,
  updateChat,
} from '../../clients/typescript/src/chats.js';
import { memoryStorage, type Notice } from '../../clients/typescript/src/client.js';
import { ban, mute, unban, unmute } from '../../clients/typescript/src/moderation.js';
import { waitUntil } from '../support/wait-until.js';
import { type ClientTeam, type Person, startClientTeam, TRANSPORTS, take, until } from './client-team.js';

let team: ClientTeam;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  team = await startClientTeam();
  [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
});
afterEach(() => team.closeClients());
afterAll(() => team.close());

const words = ({ messages }: { messages: readonly { content: string }[] }) => messages.map(({ content }) => content);

describe.each(TRANSPORTS)('a room over %s', (_name, transport) => {
  const clientOf = (person: Person) => team.client(person, { transport: transport() });

  it('has the chat as it is, and what happens in it', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [clientOf(ann).room(chat.id), clientOf(bob).room(chat.id)];
    await anns.send('first');
    const loaded = await bobs.ready();
    expect(loaded).toMatchObject({
      status: 'ready',
      me: { id: bob.id, username: bob.username },
      chat: { id: chat.id, name: chat.name, kind: 'group' },
      hasEarlier: false,
      hasMoreMembers: false,
      pending: [],
    });
    expect(words(loaded)).toEqual(['first']);
    expect(bobs.members.map(({ user }) => user.id).sort()).toEqual([ann.id, bob.id].sort());
    expect(bobs.viewerCan).toContain('send');
    await anns.send('second');
    await until(bobs, (state) => words(state).join() === 'first,second');
  });

  it('shows what is sent at once, and settles it', async () => {
    const chat = await team.newChat(ann);
    const room = clientOf(ann).room(chat.id);
    await room.ready();
    const sent = room.send('hi', { metadata: { mood: 'fine' } });
    expect(room.get().pending).toMatchObject([{ content: 'hi', status: 'sending' }]);
    const message = await sent;
    expect(message).toMatchObject({ content: 'hi', metadata: { mood: 'fine' }, sender: { id: ann.id } });
    const state = await until(room, ({ messages }) => messages.length === 1);
    expect(state.pending).toEqual([]);
    expect(state.messages).toEqual([message]);
  });

  it('shows what was acknowledged also before its event comes', async () => {
    const chat = await team.newChat(ann);
    const room = clientOf(ann).room(chat.id);
    await room.ready();
    let missed = 0;
    const stop = room.subscribe(() => {
      const { messages, pending } = room.get();
      if (messages.length + pending.length === 0) missed += 1;
    });
    await room.send('always there');
    await until(room, ({ messages, cursor }) => cursor?.endsWith(`:${messages[0]?.seq}`) === true);
    expect(words(room.get())).toEqual(['always there']);
    expect(missed).toBe(0);
    stop();
  });

  it('keeps the order of what is sent in one go', async () => {
    const chat = await team.newChat(ann);
    const room = clientOf(ann).room(chat.id);
    const contents = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    await Promise.all(contents.map((content) => room.send(content)));
    expect(words(await until(room, ({ messages }) => messages.length === 20))).toEqual(contents);
  });

  it('follows edits, deletions, reactions and pins', async () => {
    const chat = await team.newChat(ann, bob);
    await team.first.app.services.memberships.setRole(null, chat.id, bob.id, 'moderator');
    const [anns, bobs] = [clientOf(ann).room(chat.id), clientOf(bob).room(chat.id)];
    await Promise.all([anns.ready(), bobs.ready()]);
    const { id, revision } = await anns.send('helo');
    await anns.edit(id, 'hello', revision);
    await bobs.react(id, '👍');
    await bobs.pin(id);
    await until(
      anns,
      ({ messages: [message] }) =>
        message?.content === 'hello' && message.reactions[0]?.mine === false && message.pinnedBy?.id === bob.id,
    );
    await until(bobs, ({ messages: [message] }) => message?.reactions[0]?.mine === true);
    await bobs.unreact(id, '👍');
    await bobs.unpin(id);
    await until(anns, ({ messages: [message] }) => message?.reactions.length === 0 && message.pinnedAt === null);
    await anns.delete(id);
    await until(bobs, ({ messages: [message] }) => message?.content === '' && message.deletedAt !== null);
    await expect(anns.edit(id, 'too late')).rejects.toMatchObject({ code: 'CONFLICT', rule: 'message.deleted' });
  });

  it('follows members and their roles, and leaves with its user, who may come back', async () => {
    const chat = await team.newChat(ann, bob);
    const { memberships } = team.first.app.services;
    const room = clientOf(bob).room(chat.id);
    await room.ready();
    expect(room.viewerCan).not.toContain('pin');
    await memberships.setRole(null, chat.id, bob.id, 'moderator');
    await until(room, ({ viewerCan, viewer }) => viewerCan.includes('pin') && viewer?.role === 'moderator');
    const cid = await team.newPerson('cid');
    await memberships.add(null, chat.id, cid.id);
    await until(room, ({ members }) => members.some(({ user }) => user.id === cid.id));
    await memberships.remove(null, chat.id, bob.id);
    await until(room, ({ status }) => status === 'left');
    await memberships.add(null, chat.id, bob.id);
    await until(room, ({ status, viewer }) => status === 'ready' && viewer?.role === 'member');
  });

  it('of a public chat is found, joined and left', async () => {
    const chat = await team.newChat(ann);
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    await updateChat(admin, chat.id, { visibility: 'public' });
    const client = clientOf(bob);
    const found = await listPublicChats(client, { query: chat.name });
    expect(found.map(({ id }) => id)).toContain(chat.id);
    expect(await joinChat(client, chat.id)).toMatchObject({ role: 'member' });
    const room = client.room(chat.id);
    await room.ready();
    await leaveChat(client, chat.id);
    await until(room, ({ status }) => status === 'left');
  });

  it('follows mutes and bans, and what one may do then', async () => {
    const chat = await team.newChat(ann, bob);
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    const room = clientOf(bob).room(chat.id);
    await room.ready();
    const heard = take(room.events(), 3);
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await mute(admin, chat.id, bob.id, { until: later });
    const muted = await until(
      room,
      ({ viewer, viewerCan }) => viewer?.mutedUntil === later && !viewerCan.includes('send'),
    );
    expect(muted.members.find(({ user }) => user.id === bob.id)?.mutedUntil).toBe(later);
    await unmute(admin, chat.id, bob.id);
    await until(room, ({ viewerCan }) => viewerCan.includes('send'));
    await ban(admin, chat.id, bob.id);
    await until(room, ({ status }) => status === 'left');
    expect(await heard).toMatchObject([
      { type: 'member.updated' },
      { type: 'member.updated' },
      { type: 'member.removed', cause: 'banned' },
    ]);
    await unban(admin, chat.id, bob.id);
    await team.first.app.services.memberships.add(null, chat.id, bob.id);
    await until(room, ({ status }) => status === 'ready');
  });

  it('may write again when a mute has ended by itself', async () => {
    const chat = await team.newChat(ann, bob);
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    const room = clientOf(bob).room(chat.id);
    await room.ready();
    await mute(admin, chat.id, bob.id, { until: new Date(Date.now() + 2000).toISOString() });
    await until(room, ({ viewerCan }) => !viewerCan.includes('send'));
    await until(room, ({ viewerCan }) => viewerCan.includes('send'));
  });

  it('follows settings, the archive and the end of the chat', async () => {
    const chat = await team.newChat(ann, bob);
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    const client = clientOf(bob);
    const room = client.room(chat.id);
    await Promise.all([room.ready(), client.inbox().ready()]);
    const events = room.events();
    const heard = take(events, 4);
    await updateChat(admin, chat.id, { topic: 'Tea', postingRole: 'moderator' });
    await until(room, (state) => state.chat?.topic === 'Tea' && !state.viewerCan.includes('send'));
    await updateChat(admin, chat.id, { name: `${chat.name} anew` });
    await until(client.inbox(), ({ items }) => items.some((item) => item.chat.name === `${chat.name} anew`));
    await archiveChat(admin, chat.id);
    await until(room, (state) => state.chat?.archivedAt !== null);
    await deleteChat(admin, chat.id);
    await until(room, ({ status }) => status === 'left');
    await until(client.inbox(), ({ items }) => items.every((item) => item.chat.id !== chat.id));
    expect(await heard).toMatchObject([
      { type: 'chat.updated', changed: ['topic', 'postingRole'], chat: { topic: 'Tea' } },
      { type: 'chat.updated', changed: ['name'] },
      { type: 'chat.updated', changed: ['archived'] },
      { type: 'chat.deleted' },
    ]);
    expect((await events.next()).done).toBe(true);
  });

  it('tells who is typing', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [clientOf(ann).room(chat.id), clientOf(bob).room(chat.id)];
    await Promise.all([anns.ready(), bobs.ready()]);
    // Nothing says when the service knows that bob wants to be told, and it tells of one who is typing every three seconds.
    const timer = setInterval(() => void anns.setTyping(), 500);
    await until(bobs, ({ typing }) => typing.some(({ user }) => user.id === ann.id)).finally(() =>
      clearInterval(timer),
    );
    await anns.send('here I am');
    await until(bobs, ({ typing, messages }) => typing.length === 0 && messages.length === 1);
  });

  it('loads earlier messages', async () => {
    const chat = await team.newChat(ann);
    const sender = clientOf(ann).room(chat.id);
    const contents = Array.from({ length: 120 }, (_, index) => `message ${index}`);
    await Promise.all(contents.map((content) => sender.send(content)));
    const room = clientOf(ann).room(chat.id);
    expect(words(await room.ready())).toEqual(contents.slice(-50));
    expect(room.get().hasEarlier).toBe(true);
    await room.loadEarlier();
    await room.loadEarlier();
    expect(words(room.get())).toEqual(contents);
    expect(room.get().hasEarlier).toBe(false);
  });

  it('loads back to a message, and finds one without loading it', async () => {
    const chat = await team.newChat(ann);
    const sender = clientOf(ann).room(chat.id);
    const sent = await Promise.all(Array.from({ length: 220 }, (_, index) => sender.send(`message ${index}`)));
    const [first, second] = sent;
    if (!first || !second) throw new Error('There are messages.');
    const room = clientOf(ann).room(chat.id);
    await room.ready();
    expect(await room.findMessage(first.id)).toMatchObject({ content: 'message 0' });
    expect(await room.findMessage(crypto.randomUUID())).toBeNull();
    await Promise.all([room.loadBackTo(second.seq), room.loadEarlier()]);
    expect(words(room.get()).slice(-219)).toEqual(sent.slice(1).map(({ content }) => content));
  });

  it('marks as unread, and keeps preferences', async () => {
    const chat = await team.newChat(ann, bob);
    const { seq } = await clientOf(ann).room(chat.id).send('hi');
    const client = clientOf(bob);
    const room = client.room(chat.id);
    await Promise.all([room.ready(), client.inbox().ready()]);
    await room.markRead();
    const unreadIs = (count: number) =>
      until(client.inbox(), ({ items }) =>
        items.some((item) => item.chat.id === chat.id && item.state.unread.messages === count),
      );
    await unreadIs(0);
    await room.markUnread(seq);
    expect(room.get().viewer?.readSeq).toBe(seq - 1);
    await unreadIs(1);
    await room.setPreferences({ notify: 'none', hidden: true });
    expect(room.get().viewer).toMatchObject({ notify: 'none', hidden: true });
    await until(client.inbox(), ({ items }) => !items.some((item) => item.chat.id === chat.id));
  });

  it('finds members by the beginning of their name', async () => {
    const people = await Promise.all(['Zoe', 'zora', 'zola'].map((name) => team.newPerson(name)));
    const chat = await team.newChat(ann, ...people);
    const room = clientOf(ann).room(chat.id);
    await room.ready();
    const found = await room.findMembers('ZO', 2);
    const names = people.map(({ username }) => username).sort((one, other) => one.localeCompare(other));
    expect(found.map(({ user }) => user.username)).toEqual(names.slice(0, 2));
  });

  it('marks as read, on all devices', async () => {
    const chat = await team.newChat(ann, bob);
    await clientOf(ann).room(chat.id).send('read me');
    const [phone, laptop] = [clientOf(bob).room(chat.id), clientOf(bob).room(chat.id)];
    await Promise.all([phone.ready(), laptop.ready()]);
    expect(phone.get().viewer?.readSeq).toBe(0);
    await phone.markRead();
    expect(phone.get().viewer?.readSeq).toBe(3);
    await until(laptop, ({ viewer }) => viewer?.readSeq === 3);
  });
});

it('what is refused stays among the pending ones, until it is sent again or discarded', async () => {
  const chat = await team.newChat(ann);
  const room = team.client(ann).room(chat.id);
  await expect(room.send('x'.repeat(4001))).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'content' });
  const [failed] = (await room.ready()).pending;
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'BAD_USER_INPUT' } });
  const nonce = failed?.nonce ?? '';
  room.retry(nonce);
  expect(room.get().pending).toMatchObject([{ status: 'sending' }]);
  await until(room, ({ pending: [message] }) => message?.status === 'failed');
  room.discard(nonce);
  expect(room.get().pending).toEqual([]);
});

it('what was not acknowledged is sent after a reload, once, where there is a storage', async () => {
  const chat = await team.newChat(ann);
  const storage = memoryStorage();
  const before = team.client(ann, { storage });
  const room = before.room(chat.id);
  await room.ready();
  await until(before.status, ({ state }) => state === 'live');
  team.proxy.stall('to client');
  const sent = room.send('are you there?');
  const outcome = expect(sent).rejects.toMatchObject({ code: 'CLOSED' });
  // The service has it, and its answer does not come through.
  const { chatLog } = team.first.app.services;
  await waitUntil('The message is stored', 5000, async () => (await chatLog.lastMessages([chat.id])).has(chat.id));
  before.close();
  await outcome;
  team.proxy.heal();
  const after = team.client(ann, { storage }).room(chat.id);
  const state = await until(after, ({ status, pending }) => status === 'ready' && pending.length === 0);
  expect(words(state)).toEqual(['are you there?']);
});

it('a storage may be asynchronous, and one that fails is told of', async () => {
  const chat = await team.newChat(ann);
  const items = memoryStorage();
  const slow = {
    getItem: async (key: string) => items.getItem(key),
    setItem: async (key: string, value: string) => items.setItem(key, value),
    removeItem: async (key: string) => items.removeItem(key),
  };
  await team.client(ann, { storage: slow }).room(chat.id).send('kept for a moment');
  const notices: Notice[] = [];
  const full = {
    ...memoryStorage(),
    setItem: () => {
      throw new Error('It is full.');
    },
  };
  const room = team.client(ann, { storage: full, onNotice: (notice) => notices.push(notice) }).room(chat.id);
  await room.ready();
  await room.send('sent all the same');
  expect(notices).toContainEqual({ type: 'storage', error: expect.objectContaining({ message: 'It is full.' }) });
});

it('an admin who is no member may load a room', async () => {
  const chat = await team.newChat(ann);
  await team.client(ann).room(chat.id).send('hi');
  const room = team.client({ id: '', username: 'admin' }).room(chat.id);
  expect(await room.ready()).toMatchObject({ viewer: null, messages: [{ content: 'hi' }] });
});

it('a room that does not exist, or is another’s, says so', async () => {
  const chat = await team.newChat(bob);
  for (const id of [chat.id, crypto.randomUUID()]) {
    const room = team.client(ann).room(id);
    await expect(room.ready()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(room.get().status).toBe('left');
    await expect(take(room.events(), 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
});

it('a reaction is one’s own also when more than 20 others have reacted since', async () => {
  const people: Person[] = [];
  while (people.length < 22) people.push(await team.newPerson('fan'));
  const chat = await team.newChat(ann, ...people);
  const room = team.client(ann).room(chat.id);
  const { id } = await room.send('like me');
  await room.react(id, '🎉');
  for (const person of people) await team.client(person).room(chat.id).react(id, '🎉');
  await until(
    room,
    ({ messages: [message] }) => message?.reactions[0]?.count === 23 && message.reactions[0].mine === true,
  );
});
