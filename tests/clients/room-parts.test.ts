import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Transport } from '../../clients/typescript/src/client.js';
import { openPins } from '../../clients/typescript/src/pins.js';
import { openReceipts, type ReceiptsView, readersOf } from '../../clients/typescript/src/receipts.js';
import { listThreads, openThread } from '../../clients/typescript/src/threads.js';
import { deferred } from '../support/deferred.js';
import { waitUntil } from '../support/wait-until.js';
import { type ClientTeam, type Person, socketTransport, startClientTeam, TRANSPORTS, until } from './client-team.js';

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

describe.each(TRANSPORTS)('over %s', (_name, transport) => {
  const roomOf = (person: Person, chat: { id: string }) =>
    team.client(person, { transport: transport(), random: () => 0 }).room(chat.id);

  it('a thread has its root and its replies, and what happens in it', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [roomOf(ann, chat), roomOf(bob, chat)];
    const root = await anns.send('who is in?');
    const thread = openThread(bobs, root.id);
    expect(await thread.ready()).toMatchObject({ root: { id: root.id, replies: null }, messages: [], pending: [] });
    const stop = thread.subscribe(() => {});
    const sent = thread.send('me');
    expect(thread.get().pending).toMatchObject([{ content: 'me' }]);
    expect(bobs.get()).toMatchObject({ pending: [], pendingReplies: [{ content: 'me' }] });
    const { id } = await sent;
    await openThread(anns, root.id).send('me too', { alsoInChat: true });
    const state = await until(thread, (now) => now.messages.length === 2 && now.root?.replies?.viewer?.unread === 1);
    expect(words(state)).toEqual(['me', 'me too']);
    expect(state.pending).toEqual([]);
    expect(state.root?.replies).toMatchObject({ count: 2, lastReply: { sender: ann }, viewer: { following: true } });
    await until(bobs, (now) => now.pendingReplies.length === 0 && words(now).join() === 'who is in?,me too');
    await bobs.edit(id, 'not me');
    await anns.react(id, '👍');
    await until(thread, ({ messages: [first] }) => first?.content === 'not me' && first.reactions[0]?.mine === false);
    await bobs.delete(id);
    await until(thread, (now) => now.messages[0]?.deletedAt !== null && now.root?.replies?.count === 1);
    await until(bobs, ({ messages: [first] }) => first?.replies?.count === 1);
    await thread.markRead();
    await until(thread, (now) => now.root?.replies?.viewer?.unread === 0);
    await thread.follow(false);
    expect(thread.get().root?.replies?.viewer?.following).toBe(false);
    stop();
  });

  it('a thread shows a reply all the time: pending, acknowledged, and with its event', async () => {
    const chat = await team.newChat(ann);
    const room = roomOf(ann, chat);
    const { id } = await room.send('root');
    const thread = openThread(room, id);
    const missed: string[] = [];
    const shown = new Set<string>();
    const stop = thread.subscribe(() => {
      const now = new Set(words({ messages: [...thread.get().messages, ...thread.get().pending] }));
      missed.push(...[...shown].filter((content) => !now.has(content)));
      for (const content of now) shown.add(content);
    });
    await thread.ready();
    for (const alsoInChat of [false, true])
      for (const way of ['one', 'two']) await thread.send(`${way} ${alsoInChat}`, { alsoInChat });
    await until(thread, ({ root }) => root?.replies?.count === 4);
    expect(words(thread.get())).toEqual(['one false', 'two false', 'one true', 'two true']);
    expect(missed).toEqual([]);
    stop();
  });

  it('a room says how many replies its messages have, and what is unread of them', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [roomOf(ann, chat), roomOf(bob, chat)];
    const root = await anns.send('root');
    await anns.ready();
    await bobs.send('first', { thread: root.id });
    await until(anns, ({ messages: [first] }) => first?.replies?.viewer?.unread === 1);
    await bobs.send('second', { thread: root.id });
    const state = await until(anns, ({ messages: [first] }) => first?.replies?.viewer?.unread === 2);
    expect(state.messages[0]?.replies).toMatchObject({ count: 2, lastReply: { sender: { id: bob.id } } });
    const [thread] = await listThreads(anns, { unread: true });
    expect(thread).toMatchObject({ root: { id: root.id, replies: { count: 2 } }, participants: [{ id: bob.id }] });
    // Read on another device.
    await openThread(roomOf(ann, chat), root.id).markRead(state.messages[0]?.replies?.lastReply?.seq);
    await until(anns, ({ messages: [first] }) => first?.replies?.viewer?.unread === 0);
    const away = openThread(roomOf(ann, chat), root.id);
    await away.follow();
    await until(anns, ({ messages: [first] }) => first?.replies?.viewer?.following === true);
    await away.follow(false);
    await until(anns, ({ messages: [first] }) => first?.replies?.viewer?.following === false);
  });

  it('a thread loads earlier replies', async () => {
    const chat = await team.newChat(ann);
    const room = roomOf(ann, chat);
    const { id } = await room.send('root');
    const contents = Array.from({ length: 120 }, (_, index) => `reply ${index}`);
    await Promise.all(contents.map((content) => room.send(content, { thread: id })));
    const thread = openThread(roomOf(ann, chat), id);
    const stop = thread.subscribe(() => {});
    expect(words(await thread.ready())).toEqual(contents.slice(-50));
    await Promise.all([thread.loadEarlier(), thread.loadEarlier()]);
    await thread.loadEarlier();
    expect(words(thread.get())).toEqual(contents);
    expect(thread.get().hasEarlier).toBe(false);
    stop();
  });

  it('a thread goes on after cuts, and ends with the membership', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [roomOf(ann, chat), roomOf(bob, chat)];
    const { id } = await anns.send('root');
    const thread = openThread(bobs, id);
    const stop = thread.subscribe(() => {});
    await thread.ready();
    for (const content of ['one', 'two', 'three']) {
      team.proxy.cut();
      await anns.send(content, { thread: id });
    }
    await until(thread, (state) => words(state).join() === 'one,two,three');
    const { memberships } = team.first.app.services;
    await memberships.remove(null, chat.id, bob.id);
    await until(thread, ({ status }) => status === 'left');
    await memberships.add(null, chat.id, bob.id);
    await anns.send('four', { thread: id });
    await until(thread, (state) => state.status === 'ready' && state.messages.length === 4);
    stop();
  });

  it('the pins are the newest first, and follow what happens to their messages', async () => {
    const chat = await team.newChat(ann, bob);
    await team.first.app.services.memberships.setRole(null, chat.id, ann.id, 'moderator');
    const [anns, bobs] = [roomOf(ann, chat), roomOf(bob, chat)];
    const [one, two, three] = [await anns.send('one'), await anns.send('two'), await anns.send('three')];
    await anns.pin(two.id);
    const pins = openPins(bobs);
    const stop = pins.subscribe(() => {});
    expect(words(await pins.ready())).toEqual(['two']);
    await anns.pin(one.id);
    await anns.pin(three.id);
    await anns.edit(two.id, 'too');
    await until(pins, (state) => words(state).join() === 'three,one,too');
    await anns.unpin(one.id);
    await anns.delete(three.id);
    await until(pins, (state) => words(state).join() === 'too');
    stop();
  });

  it('receipts say who has read up to where', async () => {
    const chat = await team.newChat(ann, bob);
    const [anns, bobs] = [roomOf(ann, chat), roomOf(bob, chat)];
    const [one, two] = [await anns.send('one'), await anns.send('two')];
    await bobs.ready();
    await bobs.markRead(one.seq);
    const receipts = openReceipts(anns);
    const stop = receipts.subscribe(() => {});
    const { reads } = await receipts.ready();
    expect(readersOf(reads, one)).toEqual([bob.id]);
    expect(readersOf(reads, two)).toEqual([]);
    await bobs.markRead(two.seq);
    await until(receipts, (state) => readersOf(state.reads, two).join() === bob.id);
    stop();
  });
});

it('receipts that were told before the chat’s signals were heard are read', async () => {
  const chat = await team.newChat(ann, bob);
  const late = socketTransport();
  const held = deferred<void>();
  const asked = deferred<void>();
  const transport: Transport = {
    open(request, handlers) {
      const { close, send } = late.open(request, handlers);
      const sendLate = async (frame: object) => {
        if ('chats' in frame) {
          asked.resolve();
          await held.promise;
        }
        send?.(frame);
      };
      return { close, send: (frame) => void sendLate(frame) };
    },
  };
  const client = team.client(ann, { transport });
  await client.inbox().ready();
  await until(client.status, ({ state }) => state === 'live');
  const room = client.room(chat.id);
  const receipts = openReceipts(room);
  const stop = receipts.subscribe(() => {});
  const message = await room.send('one');
  await receipts.ready();
  await asked.promise;
  const bobs = team.client(bob).room(chat.id);
  const told = openReceipts(bobs);
  const stopTold = told.subscribe(() => {});
  await told.ready();
  // That he hears of it says that he hears all signals.
  await waitUntil('Bob hears signals', 10_000, async () => {
    await room.setTyping();
    return bobs.get().typing.length > 0;
  });
  await bobs.markRead(message.seq);
  const isRead = ({ reads }: ReceiptsView) => readersOf(reads, message).join() === bob.id;
  await until(told, isRead);
  expect(isRead(receipts.get())).toBe(false);
  held.resolve();
  await until(receipts, isRead);
  stop();
  stopTold();
});

it('a room that cannot be there costs the others no signals', async () => {
  const chat = await team.newChat(ann, bob);
  const client = team.client(ann);
  const stop = client.room('no id').subscribe(() => {});
  await expect(client.room('no id').ready()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const [anns, bobs] = [client.room(chat.id), team.client(bob).room(chat.id)];
  await until(anns, ({ status }) => status === 'ready');
  const typing = until(anns, (state) => state.typing.length > 0);
  await bobs.ready();
  await bobs.setTyping();
  expect(await typing).toMatchObject({ typing: [{ user: bob }] });
  stop();
});

it('a thread of a message that is not there fails', async () => {
  const chat = await team.newChat(ann);
  const thread = openThread(team.client(ann).room(chat.id), crypto.randomUUID());
  await expect(thread.ready()).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'thread' });
  expect(thread.get().status).toBe('failed');
});

it('a part that nobody listens to is loaded anew when somebody does', async () => {
  const chat = await team.newChat(ann);
  const room = team.client(ann).room(chat.id);
  const { id } = await room.send('root');
  const thread = openThread(room, id);
  await thread.ready();
  await room.send('reply', { thread: id });
  await until(thread, ({ messages }) => messages.length === 1);
});
