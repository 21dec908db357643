import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProfile } from '../../src/domain/profile.js';
import { EventStreamClient } from '../support/event-stream.js';
import { StreamRefused } from '../support/frame-queue.js';
import { RawSocket } from '../support/raw-socket.js';
import { startTeam } from '../support/service.js';
import { PASSWORD, viewerOf } from '../support/services.js';

type Team = Awaited<ReturnType<typeof startTeam>>;

let team: Team;
let admin: string;
let ann: string;
let annId: string;
let bob: string;
let bobId: string;
let count = 0;

beforeAll(async () => {
  team = await startTeam();
  const newUser = async (username: string) =>
    (await team.first.app.services.users.create({ username, password: PASSWORD })).id;
  [annId, bobId] = [await newUser('ann'), await newUser('bob')];
  [admin, ann, bob] = [await team.signIn('admin'), await team.signIn('ann'), await team.signIn('bob')];
});
afterAll(() => team.close());

/** A chat of ann and bob, with one message. Its last number is 3. */
async function newChat() {
  const { services } = team.first.app;
  count += 1;
  const chat = await services.chats.create(`doomed ${count}`);
  for (const id of [annId, bobId]) await services.memberships.add(null, chat.id, id);
  const user = await team.first.app.db.prisma.user.findUniqueOrThrow({ where: { id: annId } });
  await services.messages.send(viewerOf(toProfile(user)), { chatId: chat.id, content: 'hi' });
  return chat;
}

const headers = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const rawInbox = (token: string, after?: string) =>
  RawSocket.open(`${team.first.wsOrigin}/ws/inbox/${after ? `?after=${after}` : ''}`, headers(token));
const eventsInbox = (token: string, after?: string) =>
  EventStreamClient.open(`${team.first.origin}/sse/inbox/${after ? `?after=${after}` : ''}`, headers(token));
const remove = (id: string, token = admin) => team.first.query(token, `mutation { deleteChat(id: "${id}") }`);
const EVENTS = 'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { __typename seq } }';
const INBOX =
  'subscription ($after: String) { inbox(after: $after) { position ... on InboxChatEvent { event { __typename seq chatId } } } }';

/** A position of now. */
async function positionOf(token: string): Promise<string> {
  return Object((await team.first.query(token, '{ inbox { position } }')).data).inbox.position;
}

/** The event of this chat: while a transaction of somebody else runs, an inbox brings deletions of before its position again. */
async function deletionOf(inbox: RawSocket | EventStreamClient, chatId: string) {
  for (;;) {
    const event = await inbox.next('chat.deleted');
    if (event.chatId === chatId) return event;
  }
}

describe('the deletion of a chat', () => {
  it('is the last that every listener gets, on every transport, and ends the streams', async () => {
    const chat = await newChat();
    const raws = await Promise.all([ann, bob, admin].map((token) => team.first.channel(token, chat.name)));
    const streams = await Promise.all([ann, bob].map((token) => team.first.events(token, chat.id)));
    const after = `${chat.epoch}:3`;
    const subscriptions = [ann, bob].map((token) => team.first.subscribe(token, EVENTS, { id: chat.id, after }));
    const inboxes = [await rawInbox(ann), await eventsInbox(bob)];
    await Promise.all([...raws, ...streams, ...inboxes].map((stream) => stream.next('live')));

    expect(await remove(chat.id)).toMatchObject({ data: { deleteChat: true }, codes: [] });
    for (const stream of [...raws, ...streams]) {
      const event = await stream.next('chat.deleted');
      expect(event).toMatchObject({ seq: 4, cursor: `${chat.epoch}:4`, actor: { username: 'admin' } });
      expect(await stream.next()).toEqual({ type: 'closing', code: 4410, reason: 'deleted' });
      await stream.closed;
    }
    for (const subscription of subscriptions) {
      expect(await subscription.ended).toBe('complete');
      expect(subscription.events).toEqual([{ chatEvents: { __typename: 'ChatDeleted', seq: 4 } }]);
    }
    const other = await newChat();
    for (const inbox of inboxes) {
      expect((await deletionOf(inbox, chat.id)).seq).toBe(4);
      expect((await inbox.next('message.created')).chatId).toBe(other.id);
      await inbox.close();
    }
  });

  it('is what who resumes gets last: by a cursor, and by a position of an inbox, once', async () => {
    const chat = await newChat();
    const positions = [await positionOf(ann), await positionOf(bob)];
    await remove(chat.id);

    for (const seq of [0, 3, 4])
      for (const transport of ['channel', 'events'] as const) {
        const stream = await team.first[transport](bob, chat.id, { after: `${chat.epoch}:${seq}` });
        const frames = [];
        for (let frame = await stream.next(); frame.type !== 'closing'; frame = await stream.next()) frames.push(frame);
        const seqs = frames.flatMap((frame) => (typeof frame.seq === 'number' ? [frame.seq] : []));
        expect(seqs).toEqual([1, 2, 3, 4].slice(seq));
        await stream.closed;
      }
    const subscription = team.first.subscribe(ann, EVENTS, { id: chat.id, after: `${chat.epoch}:2` });
    expect(await subscription.ended).toBe('complete');
    expect(subscription.events).toHaveLength(2);

    const [raw, stream] = [await rawInbox(ann, positions[0]), await eventsInbox(bob, positions[1])];
    for (const inbox of [raw, stream]) {
      const { seq, position } = await deletionOf(inbox, chat.id);
      expect(seq).toBe(4);
      await inbox.close();
      const again = await rawInbox(inbox === raw ? ann : bob, String(position));
      for (let frame = await again.next(); frame.type !== 'live'; frame = await again.next())
        expect(frame.chatId).not.toBe(chat.id);
      await again.close();
    }
    const items = team.first.subscribe(ann, INBOX, { after: positions[0] });
    // While a transaction of somebody else runs, what was before the page's position comes again: clients drop it by the chats' cursors.
    const found = () =>
      items.events.map((item) => Object(item).inbox.event).find(({ chatId, seq }) => chatId === chat.id && seq > 3);
    for (let count = 1; !found(); count += 1) await items.until(count);
    expect(found()).toEqual({ __typename: 'ChatDeleted', seq: 4, chatId: chat.id });
    items.end();
  });

  it('leaves nothing of it: it looks like a chat that never was', async () => {
    const chat = await newChat();
    const message = Object((await team.first.query(ann, `{ messages(chatId: "${chat.id}") { id } }`)).data).messages[0]
      .id;
    await remove(chat.id);
    const unknown = crypto.randomUUID();
    const documents = (id: string) => [
      `{ chat(id: "${id}") { id } }`,
      `{ messages(chatId: "${id}") { id } }`,
      `{ message(chatId: "${id}", id: "${message}") { id } }`,
      `{ threads(chatId: "${id}") { replyCount } }`,
      `mutation { markRead(chatId: "${id}", seq: 1) { readSeq } }`,
      `mutation { setChatPreferences(chatId: "${id}", hidden: true) { hidden } }`,
      `mutation { updateChat(id: "${id}", topic: "t") { id } }`,
      `mutation { archiveChat(id: "${id}", archived: true) { id } }`,
      `mutation { deleteChat(id: "${id}") }`,
      `mutation { removeUserFromChat(chatId: "${id}", userId: "${bobId}") }`,
      `mutation { setMemberRole(chatId: "${id}", userId: "${bobId}", role: owner) { role } }`,
    ];
    for (const token of [admin, ann]) {
      const { data } = await team.first.query(
        token,
        '{ chats { id } inbox { items { chat { id } } } mentions { id } }',
      );
      expect(JSON.stringify(data)).not.toContain(chat.id);
      const byName = `{ chat(name: "${chat.name}") { id } }`;
      expect((await team.first.query(token, byName)).data).toEqual({ chat: null });
      const gone = documents(chat.id);
      for (const [index, document] of documents(unknown).entries())
        expect(await team.first.query(token, gone[index] ?? ''), document).toEqual(
          await team.first.query(token, document),
        );
      for (const transport of ['channel', 'events'] as const) {
        const refusal = await team.first[transport](token, chat.id).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(StreamRefused);
        expect(Object(refusal).status).toBe(404);
      }
    }
    const assign = `mutation { assignUserToChat(chatId: "${chat.id}", userId: "${bobId}") { role } }`;
    expect((await team.first.query(admin, assign)).codes).toEqual(['NOT_FOUND']);
    const again = `mutation { createChat(name: "${chat.name}") { id } }`;
    expect((await team.first.query(admin, again)).codes).toEqual([]);
  });

  it('keeps its log for its last members and admins, and for nobody else', async () => {
    const chat = await newChat();
    const { services } = team.first.app;
    await services.memberships.remove(null, chat.id, bobId);
    await remove(chat.id);
    const read = (token: string) =>
      team.first.query(token, `{ chatEvents(chatId: "${chat.id}", after: "${chat.epoch}:2") { events { seq } } }`);
    const events = { chatEvents: { events: [{ seq: 3 }, { seq: 4 }, { seq: 5 }] } };
    expect((await read(ann)).data).toEqual(events);
    expect((await read(admin)).data).toEqual(events);
    expect((await read(bob)).codes).toEqual(['NOT_FOUND']);
    const refusal = await team.first
      .channel(bob, chat.id, { after: `${chat.epoch}:2` })
      .catch((error: unknown) => error);
    expect(Object(refusal).status).toBe(404);
  });

  it('is for admins alone', async () => {
    const chat = await newChat();
    await team.first.app.services.memberships.setRole(null, chat.id, annId, 'owner');
    expect((await remove(chat.id, ann)).codes).toEqual(['FORBIDDEN']);
    expect((await team.first.query(ann, `{ chat(id: "${chat.id}") { id } }`)).data).toEqual({ chat: { id: chat.id } });
  });
});

describe('a rename', () => {
  it('loses no listener and no message, and the channel is found by its id and its new name', async () => {
    const chat = await newChat();
    const [named, byId] = [await team.first.channel(ann, chat.name), await team.first.channel(bob, chat.id)];
    await Promise.all([named.next('live'), byId.next('live')]);
    const send = (index: number) =>
      team.first.query(ann, `mutation { sendMessage(chatId: "${chat.id}", content: "m${index}") { seq } }`);
    const rename = (name: string) =>
      team.first.query(admin, `mutation { updateChat(id: "${chat.id}", name: "${name}") { name } }`);
    const names = Array.from({ length: 5 }, (_, index) => `${chat.name} ${index}`);
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, (_, index) => send(index)),
      ...names.map((name) => rename(name)),
    ]);
    expect(answers.flatMap(({ codes }) => codes)).toEqual([]);
    for (const stream of [named, byId]) {
      const frames = await stream.take(25);
      expect(frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, index) => index + 4));
      expect(frames.filter(({ type }) => type === 'chat.updated')).toHaveLength(5);
      await stream.close();
    }
    const { data } = await team.first.query(ann, `{ chat(id: "${chat.id}") { name cursor } }`);
    const { name } = Object(data).chat;
    const again = await team.first.channel(ann, name);
    expect((await again.next('hello')).chat).toEqual({ id: chat.id, name });
    await again.close();
    expect((await team.first.query(ann, `{ chat(name: "${chat.name}") { id } }`)).data).toEqual({ chat: null });
  });
});
