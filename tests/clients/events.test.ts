import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ChatClient, Notice, RoomEvent } from '../../clients/typescript/src/client.js';
import { Service } from '../support/service.js';
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

const isLive = (client: ChatClient) => until(client.status, ({ state }) => state === 'live');
const seqOf = (event: RoomEvent) => ('seq' in event ? event.seq : event.type);
const numbers = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

describe.each(TRANSPORTS)('events() over %s', (_name, transport) => {
  it('has each change once, in order, across cuts', async () => {
    const chat = await team.newChat(ann, bob);
    const client = team.client(bob, { transport: transport(), random: () => 0 });
    const sender = team.client(ann).room(chat.id);
    const room = client.room(chat.id);
    await room.ready();
    const events = room.events();
    const heard = take(events, 60);
    for (let round = 0; round < 3; round += 1) {
      const sent = numbers(0, 20).map((index) => sender.send(`${round} ${index}`));
      await sent[9];
      team.proxy.cut();
      await Promise.all(sent);
    }
    expect((await heard).map(seqOf)).toEqual(numbers(3, 60));
    expect(new Set(room.messages.map(({ content }) => content)).size).toBe(60);
  });

  it('has what happened while nobody listened, from a cursor on', async () => {
    const chat = await team.newChat(ann, bob);
    const sender = team.client(ann).room(chat.id);
    await sender.send('one');
    const first = team.client(bob, { transport: transport() });
    const [last] = await take(first.room(chat.id).events({ after: await cursorOf(chat.id, 2) }), 1);
    first.close();
    for (const index of numbers(0, 250)) await sender.send(`message ${index}`);
    const after = last && 'cursor' in last ? last.cursor : '';
    const events = await take(team.client(bob, { transport: transport() }).room(chat.id).events({ after }), 250);
    expect(events.map(seqOf)).toEqual(numbers(4, 250));
  }, 60_000);

  it('waits for a slow reader, and has all for them', async () => {
    const chat = await team.newChat(ann, bob);
    const sender = team.client(ann).room(chat.id);
    const events = team.client(bob, { transport: transport() }).room(chat.id).events();
    const first = take(events, 1);
    const timer = setInterval(() => void sender.setTyping(), 1000);
    await until(sender, ({ status }) => status === 'ready');
    clearInterval(timer);
    const sent = numbers(0, 700).map((index) => sender.send(`message ${index}`));
    const [begin] = await first;
    await Promise.all(sent);
    const start = begin && 'seq' in begin ? begin.seq : 0;
    const rest = await take(events, 702 - start);
    expect(rest.map(seqOf)).toEqual(numbers(start + 1, 702 - start));
  }, 60_000);

  it('ends behind the removal of its user', async () => {
    const chat = await team.newChat(ann, bob);
    const client = team.client(bob, { transport: transport() });
    const room = client.room(chat.id);
    await room.ready();
    const events = room.events();
    const heard = take(events, 1);
    await team.first.app.services.memberships.remove(null, chat.id, bob.id);
    expect(await heard).toMatchObject([{ type: 'member.removed', user: { id: bob.id } }]);
    expect((await events.next()).done).toBe(true);
  });

  it('says that the history was replaced, and goes on in the new one', async () => {
    const notices: Notice[] = [];
    const chat = await team.newChat(ann, bob);
    const client = team.client(bob, {
      transport: transport(),
      random: () => 0,
      onNotice: (notice) => notices.push(notice),
    });
    const room = client.room(chat.id);
    const { cursor } = await room.ready();
    await isLive(client);
    const events = room.events();
    const reset = take(events, 1);
    await team.first.app.services.chats.rotateEpoch();
    await until(room, (state) => state.status === 'ready' && state.cursor !== cursor);
    const epoch = room.get().cursor?.split(':')[0];
    expect(await reset).toEqual([{ type: 'reset', chatId: chat.id, cursor: `${epoch}:2` }]);
    await team.client(ann).room(chat.id).send('after the restore');
    expect(await take(events, 1)).toMatchObject([{ type: 'message.created', seq: 3, cursor: `${epoch}:3` }]);
    expect(notices).toContainEqual({ type: 'reset' });
  });
});

it('events() end when their signal says so, also while they wait', async () => {
  const chat = await team.newChat(ann);
  const room = team.client(ann).room(chat.id);
  await room.ready();
  const stop = new AbortController();
  const next = room.events({ signal: stop.signal }).next();
  stop.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  expect((await room.events({ signal: stop.signal }).next()).done).toBe(true);
});

it('a room that has missed much is loaded anew, and says so; its events have all', async () => {
  const notices: Notice[] = [];
  const chat = await team.newChat(ann, bob);
  const client = team.client(bob, { maxMissed: 5, random: () => 0, onNotice: (notice) => notices.push(notice) });
  const room = client.room(chat.id);
  await room.ready();
  await isLive(client);
  const heard = take(room.events(), 30);
  const sender = team.client(ann).room(chat.id);
  await sender.ready();
  team.proxy.stall('to client');
  const { messages } = team.first.app.services;
  const viewer = await team.first.app.services.tokens.authenticate(await team.signIn(ann.username));
  if (!viewer) throw new Error('The token is not good.');
  for (const index of numbers(0, 30))
    await messages.send(viewer, { chatId: chat.id, content: `message ${index}`, nonce: undefined });
  team.proxy.cut();
  team.proxy.heal();
  expect((await heard).map(seqOf)).toEqual(numbers(3, 30));
  await until(room, (state) => state.messages.length === 30);
  expect(notices).toContainEqual(expect.objectContaining({ type: 'gap', chatId: chat.id }));
});

it('outlasts a restart of the service', async () => {
  const chat = await team.newChat(ann, bob);
  const client = team.client(bob, { random: () => 0 });
  const room = client.room(chat.id);
  await room.ready();
  const heard = take(room.events(), 2);
  const sender = team.client(ann, { random: () => 0 }).room(chat.id);
  await sender.send('before');
  // A second process on the same database, then none, then a third.
  const second = await Service.start(team.database, {}, {});
  team.proxy.retarget({ port: Number(new URL(second.origin).port) });
  team.proxy.cut();
  await isLive(client);
  await second.close();
  const sent = sender.send('after');
  const third = await Service.start(team.database, {}, {});
  team.proxy.retarget({ port: Number(new URL(third.origin).port) });
  await sent;
  expect((await heard).map(seqOf)).toEqual([3, 4]);
  team.proxy.retarget({ port: Number(new URL(team.first.origin).port) });
  await third.close();
});

async function cursorOf(chatId: string, seq: number): Promise<string> {
  const { rows } = await team.first.app.db.pool.query('SELECT epoch FROM chats WHERE id = $1', [chatId]);
  return `${rows[0].epoch}:${seq}`;
}
