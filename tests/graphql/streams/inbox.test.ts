import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawSocket } from '../../support/raw-socket.js';
import { type Service, startTeam } from '../../support/service.js';
import { PASSWORD } from '../../support/services.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let service: Service;
let admin: string;
let ann: string;
let annId: string;

const INBOX = `subscription ($after: String, $maxMissed: Int) { inbox(after: $after, maxMissed: $maxMissed) {
  __typename position chatId
  ... on InboxChatEvent { event { __typename seq cursor } }
  ... on InboxState { state { readSeq unread { messages } } }
  ... on InboxGap { after cursor } } }`;
const PAGE = `query ($first: Int, $after: String, $hidden: Boolean) { inbox(first: $first, after: $after, hidden: $hidden) {
  position next items { chat { id name cursor } state { readSeq unread { messages } hidden } } } }`;

beforeAll(async () => {
  team = await startTeam();
  service = team.first;
  const { users } = service.app.services;
  annId = (await users.create({ username: 'ann', password: PASSWORD })).id;
  const signIn = async (username: string) =>
    String((await service.token({ username, password: PASSWORD, ...team.credentials })).body.access_token);
  admin = await signIn('admin');
  ann = await signIn('ann');
});

afterAll(() => team.close());

async function ask(token: string, query: string, variables: Record<string, unknown> = {}) {
  const { data, codes } = await service.query(token, query, variables);
  if (codes.length > 0) throw new Error(String(codes));
  return Object(data);
}

async function newChat(name: string): Promise<string> {
  const { createChat } = await ask(admin, 'mutation ($name: String!) { createChat(name: $name) { id } }', { name });
  await ask(
    admin,
    'mutation ($user: ID!, $chat: ID!) { assignUserToChat(userId: $user, chatId: $chat) { joinedAt } }',
    { user: annId, chat: createChat.id },
  );
  return createChat.id;
}

const say = (chat: string) =>
  ask(admin, 'mutation ($chat: ID!) { sendMessage(chatId: $chat, content: "hi") { seq } }', { chat });

it('is a page of chats, the newest message first, with a position to stream from on every transport', async () => {
  const chats = [await newChat('one'), await newChat('two'), await newChat('three')];
  const [one = '', two = '', three = ''] = chats;
  await say(two);
  await say(one);
  const first = (await ask(ann, PAGE, { first: 2 })).inbox;
  expect(first.items).toMatchObject([
    { chat: { id: one, name: 'one' }, state: { readSeq: 0, unread: { messages: 1 }, hidden: false } },
    // Its own joining is later than the message of the other.
    { chat: { id: two }, state: { unread: { messages: 1 } } },
  ]);
  const second = (await ask(ann, PAGE, { first: 2, after: first.next })).inbox;
  expect(second).toMatchObject({ items: [{ chat: { id: three } }], next: null });
  await ask(ann, 'mutation ($chat: ID!) { setChatPreferences(chatId: $chat, hidden: true) { hidden } }', { chat: two });
  expect((await ask(ann, PAGE, { hidden: true })).inbox.items).toMatchObject([{ chat: { id: two } }]);
  expect((await ask(ann, PAGE)).inbox.items).toMatchObject([{ chat: { id: one } }, { chat: { id: three } }]);

  await say(three);
  const events = service.subscribe(ann, INBOX, { after: first.position });
  const isNew = (item: unknown) =>
    Object(item).inbox.event?.__typename === 'MessageCreated' && Object(item).inbox.chatId === three;
  let count = 1;
  while (!(await events.until(count)).some(isNew)) count += 1;
  const found = Object((await events.until(count)).find(isNew)).inbox;
  expect(found).toMatchObject({ __typename: 'InboxChatEvent', chatId: three, event: { seq: 2 } });
  events.end();

  await say(one);
  const headers = { authorization: `Bearer ${ann}` };
  const raw = await RawSocket.open(`${service.wsOrigin}/ws/inbox/?after=${found.position}`, { headers });
  const frame = await raw.next('message.created');
  expect(frame).toMatchObject({ chatId: one, seq: 3 });
  await raw.close();
  await say(two);
  const again = service.subscribe(ann, INBOX, { after: frame.position });
  const isTwo = (item: unknown) => Object(item).inbox.chatId === two && Object(item).inbox.event?.seq === 3;
  count = 1;
  while (!(await again.until(count)).some(isTwo)) count += 1;
  again.end();
});

it('says a gap where more was missed than is asked for', async () => {
  const chat = await newChat('gap');
  const { position } = (await ask(ann, PAGE)).inbox;
  await say(chat);
  await say(chat);
  const events = service.subscribe(ann, INBOX, { after: position, maxMissed: 0 });
  const isGap = (item: unknown) => Object(item).inbox.__typename === 'InboxGap' && Object(item).inbox.chatId === chat;
  let count = 1;
  while (!(await events.until(count)).some(isGap)) count += 1;
  const gap = Object((await events.until(count)).find(isGap)).inbox;
  expect(gap).toMatchObject({ cursor: expect.stringMatching(/:3$/) });
  events.end();
});

it('refuses positions that are none, and bounds', async () => {
  for (const [variables, code] of [
    [{ after: 'k3f9:57' }, 'BAD_USER_INPUT'],
    [{ maxMissed: 5001 }, 'BAD_USER_INPUT'],
  ] as const) {
    const events = service.subscribe(ann, INBOX, variables);
    expect(await events.ended).toBe(code);
    events.end();
  }
  expect((await service.query(ann, PAGE, { after: 'x' })).codes).toEqual(['BAD_USER_INPUT']);
  expect((await service.query(ann, PAGE, { first: 101 })).codes).toEqual(['BAD_USER_INPUT']);
});
