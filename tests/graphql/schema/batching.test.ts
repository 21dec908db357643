import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { countStatements, fewestStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, type TestServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let admin: UserProfile;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  admin = await services.newUser('admin');
  token = await app.newToken(admin);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** Chats of `size` members each, who have all said something in theirs. */
async function populate(services: TestServices, chats: number, size: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < chats; index += 1) {
    const members = await Promise.all(Array.from({ length: size }, () => services.newUser()));
    const chat = await services.newChat(...members);
    for (const member of members) await services.messages.send(viewerOf(member), { chatId: chat.id, content: 'hi' });
    ids.push(chat.id);
  }
  return ids;
}

/** What is asked for in one turn of the event loop is read together; which things meet in one is chance. */
const CHANCE = 2;

const PROFILE = 'id username email firstName lastName role isActive dateJoined';
const QUERIES = {
  users: `{ users { ${PROFILE} } }`,
  chats: `{ chats { id name cursor createdAt
    members { joinedAt user { ${PROFILE} } chat { id name members(first: 3) { user { id } } } }
    lastMessage { id content seq nonce sender { ${PROFILE} } chat { id name } } } }`,
};

test.each(Object.entries(QUERIES))(
  'the number of statements of %s does not grow with its rows',
  async (_name, query) => {
    const count = () =>
      countStatements(services, async () => expect((await app.run(query, {}, { token })).codes).toEqual([]));
    await populate(services, 3, 3);
    const few = await count();
    await populate(services, 27, 2);
    expect(await count()).toBeLessThanOrEqual(few + CHANCE);
  },
);

test('the number of statements of a page of messages does not grow with it', async () => {
  const [chatId] = await populate(services, 1, 30);
  const query = `query Page($chatId: ID!, $last: Int!) { messages(chatId: $chatId, last: $last) {
    id content sender { ${PROFILE} } chat { id name cursor lastMessage { id } members { user { id } } } } }`;
  const count = (last: number) =>
    countStatements(services, async () => {
      const { data, codes } = await app.run(query, { chatId, last }, { token });
      expect(codes).toEqual([]);
      expect(data?.messages).toHaveLength(last);
    });
  const few = await count(3);
  expect(await count(30)).toBeLessThanOrEqual(few + CHANCE);
});

test('the number of statements of a page whose messages refer to others does not grow with it', async () => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann);
  const send = (extras: SendExtras = {}) =>
    services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', ...extras });
  for (let index = 0; index < 30; index += 1) {
    const root = await send();
    await send({ thread: root.id, replyTo: root.id, alsoInChat: true, mentions: [ann.id] });
  }
  const annsToken = await app.newToken(ann);
  const of = 'id content sender { username }';
  const message = `${of} replyTo { ${of} } threadRoot { ${of} } mentions { username }
    thread { replyCount root { ${of} } lastReply { ${of} } participants { username } viewer { unread mentions } }`;
  const ask = async (query: string, length: number) => {
    const { data, codes } = await app.run(query, { chat: chat.id, length }, { token: annsToken });
    expect(codes).toEqual([]);
    expect(Object.values(data ?? {})[0]).toHaveLength(length);
  };
  for (const query of [
    `query ($chat: ID!, $length: Int!) { messages(chatId: $chat, last: $length) { ${message} } }`,
    `query ($chat: ID!, $length: Int!) { threads(chatId: $chat, first: $length) { root { ${message} } participants { username } } }`,
    `query ($length: Int!) { mentions(first: $length) { ${message} chat { name } } }`,
  ]) {
    const few = await countStatements(services, () => ask(query, 2));
    expect(await countStatements(services, () => ask(query, 30))).toBeLessThanOrEqual(few + CHANCE);
  }
});

test.each<[string, string]>([
  ['one', ''],
  [
    'one with a quote, a thread, mentions and metadata',
    'replyTo: $root, thread: $root, mentions: [$ann], metadata: {a: 1}',
  ],
])('a send is one statement, its answer included: %s', async (_what, extras) => {
  const ann = await services.newUser();
  const chat = await services.newChat(ann);
  const root = await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi' });
  const annsToken = await app.newToken(ann);
  const uses = extras ? ', $root: ID!, $ann: ID!' : '';
  const mutation = `mutation ($chat: ID!${uses}) { sendMessage(chatId: $chat, content: "hi", ${extras}) {
    id seq content createdAt sender { id } mentions { id } metadata } }`;
  const send = async () =>
    expect(
      (await app.run(mutation, { chat: chat.id, root: root.id, ann: ann.id }, { token: annsToken })).codes,
    ).toEqual([]);
  // Who holds the token is remembered from then on.
  await send();
  expect(await fewestStatements(services, send)).toBe(1);
});
