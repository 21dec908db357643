import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let admin: UserProfile;
let member: UserProfile;
let chat: { id: string; epoch: string };
let chatIds: string[];
let userIds: string[];

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  admin = await services.newUser('admin');
  const users: UserProfile[] = [];
  for (let index = 0; index < 11; index += 1) users.push(await services.newUser());
  [member = admin] = users;
  chat = await services.newChat(...users);
  chatIds = [chat.id];
  for (let index = 0; index < 5; index += 1) chatIds.push((await services.newChat(member)).id);
  for (let index = 0; index < 20; index += 1)
    await services.messages.send(viewerOf(member), { chatId: chat.id, content: `${index}` });
  userIds = [admin, ...users].map(({ id }) => id);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function run<Data>(query: string, variables: object = {}, user = admin): Promise<Data> {
  const { data, codes } = await app.run(query, variables, { token: await app.newToken(user) });
  expect(codes).toEqual([]);
  return JSON.parse(JSON.stringify(data));
}

/** All pages of a list, one after the other. */
async function pages(read: (after: string | undefined) => Promise<string[]>): Promise<string[][]> {
  const all: string[][] = [];
  for (let page = await read(undefined); page.length > 0; page = await read(page.at(-1))) all.push(page);
  return all;
}

test('users: all without arguments, page by page with them', async () => {
  const read = async (variables: object) => {
    const query = 'query ($first: Int, $after: ID) { users(first: $first, after: $after) { id } }';
    const { users } = await run<{ users: { id: string }[] }>(query, variables);
    return users.map(({ id }) => id);
  };
  expect(await read({})).toEqual(userIds);
  const paged = await pages((after) => read({ first: 5, after }));
  expect(paged.map((page) => page.length)).toEqual([5, 5, 2]);
  expect(paged.flat()).toEqual(userIds);
  // The one that the page before ended with need not be there any more.
  expect(await read({ after: '00000000-0000-0000-0000-000000000000' })).toEqual(userIds);
});

test("chats: the viewer's, every one for an admin, page by page", async () => {
  const others = await services.newChat();
  const read = async (variables: object, user: UserProfile) => {
    const query = 'query ($first: Int, $after: ID) { chats(first: $first, after: $after) { id } }';
    const { chats } = await run<{ chats: { id: string }[] }>(query, variables, user);
    return chats.map(({ id }) => id);
  };
  expect(await read({}, member)).toEqual(chatIds);
  expect(await read({}, admin)).toEqual([...chatIds, others.id]);
  const paged = await pages((after) => read({ first: 4, after }, member));
  expect(paged.map((page) => page.length)).toEqual([4, 2]);
  expect(paged.flat()).toEqual(chatIds);
});

test('the members of a chat: all without arguments, page by page with them, also twice in one request', async () => {
  const read = async (variables: object) => {
    const query = `query ($id: ID!, $first: Int, $after: ID) {
      chat(id: $id) { members(first: $first, after: $after) { joinedAt user { id } } } }`;
    const answer = await run<{ chat: { members: { user: { id: string } }[] } }>(query, { id: chat.id, ...variables });
    return answer.chat.members.map(({ user }) => user.id);
  };
  const members = userIds.filter((id) => id !== admin.id);
  expect(await read({})).toEqual(members);
  const paged = await pages((after) => read({ first: 4, after }));
  expect(paged.map((page) => page.length)).toEqual([4, 4, 3]);
  expect(paged.flat()).toEqual(members);
  const twice = await run<{ chat: Record<'one' | 'two', unknown[]> }>(
    'query ($id: ID!) { chat(id: $id) { one: members(first: 1) { joinedAt } two: members(first: 2) { joinedAt } } }',
    { id: chat.id },
  );
  expect([twice.chat.one.length, twice.chat.two.length]).toEqual([1, 2]);
});

test('messages: the newest of a range, oldest first', async () => {
  const read = async (range: string) => {
    const { messages } = await run<{ messages: { seq: number }[] }>(
      `{ messages(chatId: "${chat.id}" ${range}) { seq } }`,
    );
    return messages.map(({ seq }) => seq);
  };
  // Numbers 1 to 11 are the members that were added.
  const all = Array.from({ length: 20 }, (_, index) => index + 12);
  expect(await read('')).toEqual(all);
  expect(await read('last: 3')).toEqual([29, 30, 31]);
  expect(await read('last: 3, before: 20')).toEqual([17, 18, 19]);
  expect(await read('after: 29')).toEqual([30, 31]);
  expect(await read('last: 1, after: 20')).toEqual([31]);
  expect(await read('after: 12, before: 14')).toEqual([13]);
  expect(await read('before: 12')).toEqual([]);
  expect(await read('after: 31')).toEqual([]);
  expect(await read('before: 0, after: 2147483647')).toEqual([]);
  expect(await read('before: 2147483647')).toEqual(all);
});

test('chatEvents: the whole history, page by page, and nothing after it', async () => {
  const query = `query ($id: ID!, $after: String!) {
    chatEvents(chatId: $id, after: $after, limit: 10) { cursor hasMore events { __typename seq cursor } } }`;
  const seen: number[] = [];
  let after = `${chat.epoch}:0`;
  for (let hasMore = true; hasMore; ) {
    const answer = await run<{
      chatEvents: { cursor: string; hasMore: boolean; events: { seq: number; cursor: string }[] };
    }>(query, { id: chat.id, after });
    const { events, cursor } = answer.chatEvents;
    expect(events.at(-1)?.cursor).toBe(cursor);
    seen.push(...events.map(({ seq }) => seq));
    after = cursor;
    hasMore = answer.chatEvents.hasMore;
  }
  expect(seen).toEqual(Array.from({ length: 31 }, (_, index) => index + 1));
  expect(await run(query, { id: chat.id, after })).toEqual({
    chatEvents: { cursor: after, hasMore: false, events: [] },
  });
});
