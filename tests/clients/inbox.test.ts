import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ClientTeam, type Person, startClientTeam, TRANSPORTS, until } from './client-team.js';

let team: ClientTeam;
let bob: Person;

beforeAll(async () => {
  team = await startClientTeam({}, { services: { presenceTimes: { batchMs: 40, lingerMs: 100 } } });
  bob = await team.newPerson('bob');
});
afterEach(() => team.closeClients());
afterAll(() => team.close());

describe.each(TRANSPORTS)('an inbox over %s', (_name, transport) => {
  const clientOf = (person: Person) => team.client(person, { transport: transport(), random: () => 0 });

  it('has the chats, what is unread in them, and the newest message first', async () => {
    const ann = await team.newPerson('ann');
    const chats = [await team.newChat(ann, bob), await team.newChat(ann, bob), await team.newChat(bob)];
    const [first, second] = chats;
    const bobs = clientOf(bob);
    await bobs.room(first?.id ?? '').send('hello', { mentions: [ann.id] });
    const inbox = clientOf(ann).inbox();
    const loaded = await inbox.ready();
    expect(loaded.me).toEqual({ id: ann.id, username: ann.username });
    expect(loaded.items.map(({ chat }) => chat.id)).toEqual([first?.id, second?.id]);
    expect(loaded.items[0]).toMatchObject({
      lastMessage: { content: 'hello', sender: { id: bob.id } },
      state: { role: 'member', unread: { messages: 1, mentions: 1, firstSeq: 3 } },
      peer: null,
    });
    expect(inbox.unread).toEqual({ messages: 1, mentions: 1, chats: 1, isCapped: false });
    await bobs.room(second?.id ?? '').send('over here');
    const state = await until(inbox, ({ unread }) => unread.messages === 2);
    expect(state.items.map(({ chat }) => chat.id)).toEqual([second?.id, first?.id]);
    expect(state.unread).toEqual({ messages: 2, mentions: 1, chats: 2, isCapped: false });
  });

  it('counts a mention that comes, and none by somebody whom its user blocks, not for a moment', async () => {
    const [ann, cid] = [await team.newPerson('ann'), await team.newPerson('cid')];
    const chat = await team.newChat(ann, bob, cid);
    const block = 'INSERT INTO user_blocks (user_id, blocked_id) VALUES ($1, $2)';
    await team.first.app.db.pool.query(block, [ann.id, bob.id]);
    const inbox = clientOf(ann).inbox();
    await inbox.ready();
    const seen: number[] = [];
    inbox.subscribe(() => seen.push(inbox.unread.mentions));
    await clientOf(bob)
      .room(chat.id)
      .send('you', { mentions: [ann.id] });
    await until(inbox, ({ unread }) => unread.messages === 1);
    await clientOf(cid)
      .room(chat.id)
      .send('and you', { mentions: [ann.id] });
    await until(inbox, ({ unread }) => unread.messages === 2 && unread.mentions === 1);
    expect(new Set(seen)).toEqual(new Set([0, 1]));
  });

  it('counts again what has been read or deleted', async () => {
    const ann = await team.newPerson('ann');
    const chat = await team.newChat(ann, bob);
    const inbox = clientOf(ann).inbox();
    await inbox.ready();
    const bobs = clientOf(bob).room(chat.id);
    await bobs.send('one');
    const { id } = await bobs.send('two');
    const { seq } = await bobs.send('three');
    await until(inbox, ({ unread }) => unread.messages === 3);
    await bobs.delete(id);
    await until(inbox, ({ unread }) => unread.messages === 2);
    await clientOf(ann)
      .room(chat.id)
      .markRead(seq - 1);
    await until(inbox, ({ unread }) => unread.messages === 1);
    expect(inbox.items[0]?.state.unread.firstSeq).toBe(seq);
  });

  it('follows joining, leaving, hiding and direct chats', async () => {
    const ann = await team.newPerson('ann');
    const { memberships } = team.first.app.services;
    const client = clientOf(ann);
    const inbox = client.inbox();
    expect((await inbox.ready()).items).toEqual([]);
    const chat = await team.newChat(bob);
    await memberships.add(null, chat.id, ann.id);
    await until(inbox, ({ items: [item] }) => item?.chat.id === chat.id);
    await memberships.remove(null, chat.id, ann.id);
    await until(inbox, ({ items }) => items.length === 0);
    const open = 'mutation ($id: ID!) { openDirectChat(userId: $id) { id } }';
    const { openDirectChat } = await client.request<{ openDirectChat: { id: string } }>(open, { id: bob.id });
    const state = await until(inbox, ({ items }) => items.length === 1);
    expect(state.items[0]).toMatchObject({ chat: { kind: 'direct' }, peer: { id: bob.id, username: bob.username } });
    const hide =
      'mutation ($id: ID!, $hidden: Boolean!) { setChatPreferences(chatId: $id, hidden: $hidden) { hidden } }';
    await client.request(hide, { id: openDirectChat.id, hidden: true });
    await until(inbox, ({ items }) => items.length === 0);
    // A message shows a direct chat again.
    await clientOf(bob).room(openDirectChat.id).send('psst');
    await until(
      inbox,
      ({ items: [item] }) => item?.lastMessage?.content === 'psst' && item.state.unread.messages === 1,
    );
  });

  it('loads more chats, and shows one of the rest when something is said in it', async () => {
    const ann = await team.newPerson('ann');
    const chats = [];
    for (let index = 0; index < 52; index += 1) chats.push(await team.newChat(ann, bob));
    const inbox = clientOf(ann).inbox();
    const { items, hasMore } = await inbox.ready();
    expect({ count: items.length, hasMore }).toEqual({ count: 50, hasMore: true });
    await clientOf(bob)
      .room(chats[0]?.id ?? '')
      .send('I am old');
    await until(inbox, ({ items: [item] }) => item?.lastMessage?.content === 'I am old');
    await inbox.loadMore();
    expect(inbox.get()).toMatchObject({ hasMore: false });
    expect(inbox.items.map(({ chat }) => chat.id).sort()).toEqual(chats.map(({ id }) => id).sort());
  });

  it('asks for many chats at once, as many as the service answers for', async () => {
    const ann = await team.newPerson('ann');
    const chats = await Promise.all(Array.from({ length: 12 }, () => team.newChat(ann, bob)));
    const inbox = clientOf(ann).inbox();
    await inbox.ready();
    const client = clientOf(bob);
    const sent = await Promise.all(chats.map(({ id }) => client.room(id).send('hi')));
    await until(inbox, ({ unread }) => unread.messages === 12);
    await Promise.all(chats.map(({ id }, index) => client.room(id).delete(sent[index]?.id ?? '')));
    await until(inbox, ({ status, unread }) => status === 'failed' || unread.messages === 0);
    expect(inbox.get().error).toBeNull();
  });

  it('says who is there', async () => {
    const ann = await team.newPerson('ann');
    const friend = await team.newPerson('friend');
    await team.newChat(ann, friend);
    const friends = clientOf(friend);
    friends.inbox().subscribe(() => {});
    await until(friends.status, ({ state }) => state === 'live');
    const inbox = clientOf(ann).inbox();
    const stops = [inbox.watchPresence([friend.id]), inbox.watchPresence([ann.id, friend.id])];
    await until(inbox, ({ presence }) => presence[friend.id] !== undefined && presence[ann.id] !== undefined);
    expect(inbox.presence[friend.id]?.id).toBe(friend.id);
    stops[1]?.();
    await until(inbox, ({ presence }) => Object.keys(presence).join() === friend.id);
    stops[0]?.();
    await until(inbox, ({ presence }) => Object.keys(presence).length === 0);
  });
});

it('presence over a WebSocket changes with the users', async () => {
  const [ann, friend] = [await team.newPerson('ann'), await team.newPerson('friend')];
  await team.newChat(ann, friend);
  const inbox = team.client(ann, { random: () => 0 }).inbox();
  inbox.watchPresence([friend.id]);
  await until(inbox, ({ presence }) => presence[friend.id]?.status === 'offline');
  const friends = team.client(friend);
  friends.inbox().subscribe(() => {});
  await until(inbox, ({ presence }) => presence[friend.id]?.status === 'online');
  team.proxy.cut();
  friends.close();
  await until(inbox, ({ presence }) => presence[friend.id]?.status === 'offline');
});
