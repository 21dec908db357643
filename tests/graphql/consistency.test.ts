import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  ann = await services.newUser();
  token = await app.newToken(ann);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const READS = 30;

/** Reads again and again, many at once, while `write` changes the chat again and again. */
async function readWhileWriting(write: () => Promise<unknown>, read: () => Promise<void>): Promise<void> {
  let reading = true;
  const writing = Array.from({ length: 4 }, async () => {
    while (reading) await write();
  });
  const readers = Array.from({ length: 4 }, async () => {
    for (let count = 0; count < READS; count += 1) await read();
  });
  await Promise.all(readers).finally(() => {
    reading = false;
  });
  await Promise.all(writing);
}

const seqOf = (cursor: string) => Number(cursor.split(':')[1]);

interface ChatAnswer {
  id: string;
  cursor: string;
  lastMessage: { seq: number };
  members: unknown[];
}
interface Answer {
  chat?: ChatAnswer;
  chats?: ChatAnswer[];
  messages?: { seq: number; chat?: ChatAnswer }[];
}

const CHAT = '{ id cursor lastMessage { seq } }';
const QUERIES = {
  'the chat first': `query ($id: ID!) { chat(id: $id) ${CHAT} messages(chatId: $id) { seq } }`,
  'the messages first': `query ($id: ID!) { messages(chatId: $id) { seq } chat(id: $id) ${CHAT} }`,
  'among all chats': `query ($id: ID!) { chats ${CHAT} messages(chatId: $id) { seq } }`,
  'by name': `query ($id: ID!, $name: String) { chat(name: $name) ${CHAT} messages(chatId: $id) { seq } }`,
  'through the messages': `query ($id: ID!) { messages(chatId: $id) { seq chat ${CHAT} } }`,
};

test.each(Object.entries(QUERIES))(
  'a cursor is never newer than the messages and the last message read beside it: %s',
  async (_name, query) => {
    const chat = await services.newChat(ann);
    await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'first' });
    const moved = new Set<number>();
    await readWhileWriting(
      () => services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'more' }),
      async () => {
        const { data, codes } = await app.run(query, { id: chat.id, name: chat.name }, { token });
        expect(codes).toEqual([]);
        const answer: Answer = { ...data };
        const newest = answer.messages?.at(-1);
        const read = answer.chat ?? answer.chats?.find(({ id }) => id === chat.id) ?? newest?.chat;
        const cursor = seqOf(read?.cursor ?? '');
        expect(cursor).toBeLessThanOrEqual(newest?.seq ?? 0);
        expect(cursor).toBeLessThanOrEqual(read?.lastMessage.seq ?? 0);
        moved.add(cursor);
      },
    );
    expect(moved.size).toBeGreaterThan(10);
  },
);

test.each([
  '{ chats { id cursor members { joinedAt } } }',
  'query ($id: ID!) { chat(id: $id) { id cursor members { joinedAt } } }',
])('a cursor is never newer than the members read beside it: %s', async (query) => {
  const chat = await services.newChat(ann);
  await readWhileWriting(
    async () => services.memberships.add(null, chat.id, (await services.newUser()).id),
    async () => {
      const { data, codes } = await app.run(query, { id: chat.id }, { token });
      expect(codes).toEqual([]);
      const answer: Answer = { ...data };
      const read = answer.chat ?? answer.chats?.find(({ id }) => id === chat.id);
      // Every number of this chat is a member that was added.
      expect(seqOf(read?.cursor ?? '')).toBeLessThanOrEqual(read?.members.length ?? 0);
    },
  );
});

test.each([
  'query ($id: ID!) { chat(id: $id) { id } messages(chatId: $id) { seq } }',
  'query ($id: ID!) { messages(chatId: $id) { seq } chat(id: $id) { id } }',
])('who is made a member meanwhile is one for all fields or for none: %s', async (query) => {
  const bob = await services.newUser();
  const chat = await services.newChat(ann);
  const bobsToken = await app.newToken(bob);
  let answered = 0;
  await readWhileWriting(
    async () => {
      await services.memberships.add(null, chat.id, bob.id);
      await services.memberships.remove(null, chat.id, bob.id);
    },
    async () => {
      const { data, codes } = await app.run(query, { id: chat.id }, { token: bobsToken });
      if (codes.length > 0) expect(codes).toEqual(['NOT_FOUND']);
      else expect({ ...data }.chat).toEqual({ id: chat.id });
      answered += codes.length === 0 ? 1 : 0;
    },
  );
  expect(answered).toBeGreaterThan(0);
});

test('a stream opened after the cursor has exactly what the messages read beside it have not', async () => {
  const chat = await services.newChat(ann);
  await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'first' });
  const client = app.connect(token);
  const query = 'query ($id: ID!) { messages(chatId: $id, last: 100) { seq } chat(id: $id) { cursor } }';
  const subscription = 'subscription ($id: ID!, $after: String!) { chatEvents(chatId: $id, after: $after) { seq } }';
  let writing = true;
  const writer = (async () => {
    while (writing) await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'more' });
  })();
  for (let count = 0; count < 10; count += 1) {
    const { data } = await app.run(query, { id: chat.id }, { token });
    const { messages = [], chat: read }: Answer = { ...data };
    const newest = messages.at(-1)?.seq ?? 0;
    const events = client.iterate<{ chatEvents: { seq: number } }>({
      query: subscription,
      variables: { id: chat.id, after: read?.cursor },
    });
    const { value } = await events.next();
    expect(value?.data?.chatEvents.seq).toBe(newest + 1);
    await events.return?.();
  }
  writing = false;
  await writer;
  await client.dispose();
});

test('a field of a mutation sees what the field before it changed', async () => {
  const chat = await services.newChat(ann);
  const send = (name: string) => `${name}: sendMessage(chatId: "${chat.id}", content: "${name}") {
    seq chat { cursor lastMessage { content } } }`;
  const { data } = await app.run(`mutation { ${send('a')} ${send('b')} }`, {}, { token });
  expect(data).toEqual({
    a: { seq: 2, chat: { cursor: `${chat.epoch}:2`, lastMessage: { content: 'a' } } },
    b: { seq: 3, chat: { cursor: `${chat.epoch}:3`, lastMessage: { content: 'b' } } },
  });
});
