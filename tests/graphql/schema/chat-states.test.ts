import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { fewestStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ markerIntervalMs: 0 });
  app = await startGraphqlApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const STATE = 'role readSeq unread { messages capped mentions threads firstSeq } notify hidden mutedUntil';

async function newTalk(messages = 2) {
  const { id: chat } = await services.newChat(ann, bob);
  const sent: Awaited<ReturnType<typeof services.messages.send>>[] = [];
  for (let count = 0; count < messages; count += 1)
    sent.push(await services.messages.send(viewerOf(bob), { chatId: chat, content: 'hi' }));
  const run = async (document: string, user = ann) => app.run(document, { chat }, { token: await app.newToken(user) });
  return { chat, sent, run };
}

describe('Chat.viewer', () => {
  it('is what the chat is to its member, and null for an admin who is none', async () => {
    const { sent, run } = await newTalk();
    const document = `query ($chat: ID!) { chat(id: $chat) { viewer { ${STATE} } } }`;
    const unread = { messages: 2, capped: false, mentions: 0, threads: 0, firstSeq: sent[0]?.seq };
    expect((await run(document)).data).toEqual({
      chat: { viewer: { role: 'member', readSeq: 0, unread, notify: 'all', hidden: false, mutedUntil: null } },
    });
    expect((await run(document, await services.newUser('admin'))).data).toEqual({ chat: { viewer: null } });
  });

  it('of all chats of a list is read by one statement', async () => {
    const user = await services.newUser();
    for (let count = 0; count < 60; count += 1) await services.newChat(user);
    const token = await app.newToken(user);
    const ask = async (fields: string) =>
      fewestStatements(services, async () => {
        const { data } = await app.run(`{ chats { ${fields} } }`, {}, { token });
        expect(data?.chats).toHaveLength(60);
      });
    await ask('id viewer { readSeq }');
    expect(await ask('id viewer { readSeq }')).toBe((await ask('id')) + 1);
  });

  it('is weighed: it is read from many rows', async () => {
    const { codes } = await app.run(
      `{ chats(first: 500) { ${Array.from({ length: 7 }, (_, index) => `s${index}: viewer { readSeq }`).join(' ')} } }`,
      {},
      { token: await app.newToken(ann) },
    );
    expect(codes).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });
});

describe('the mutations', () => {
  it('move markers, and answer with the state', async () => {
    const { sent, run } = await newTalk();
    const [first, second] = sent.map(({ seq }) => seq);
    const answer = await run(`mutation ($chat: ID!) {
      read: markRead(chatId: $chat, seq: ${second}) { readSeq unread { messages } }
      again: markRead(chatId: $chat, seq: ${first}) { readSeq }
      back: markUnread(chatId: $chat, fromSeq: ${first}) { readSeq unread { messages firstSeq } }
      all: markAllRead(chatIds: [$chat])
      set: setChatPreferences(chatId: $chat, notify: mentions, hidden: true) { readSeq notify hidden unread { messages } }
      unset: setChatPreferences(chatId: $chat, notify: null) { notify hidden }
    }`);
    expect(answer.data).toEqual({
      read: { readSeq: second, unread: { messages: 0 } },
      again: { readSeq: second },
      back: { readSeq: 2, unread: { messages: 2, firstSeq: first } },
      all: true,
      set: { readSeq: second, notify: 'mentions', hidden: true, unread: { messages: 0 } },
      unset: { notify: 'all', hidden: true },
    });
  });

  it('name what is wrong', async () => {
    const { sent, run } = await newTalk();
    const { errors } = await run(`mutation ($chat: ID!) {
      a: markRead(chatId: $chat, seq: 99) { readSeq }
    }`);
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'seq' });
    const thread = await run(`mutation ($chat: ID!) {
      markRead(chatId: $chat, seq: 3, thread: "${sent[0]?.id}") { readSeq }
    }`);
    expect(thread.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'thread' });
    const admin = await run(
      'mutation ($chat: ID!) { markRead(chatId: $chat, seq: 3) { readSeq } }',
      await services.newUser('admin'),
    );
    expect(admin.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', rule: 'chat.not_member' });
  });
});

describe('Message.readBy and readCount', () => {
  const READ = `query ($chat: ID!) { messages(chatId: $chat) { readCount readBy { username } first: readBy(first: 1) { id } } }`;

  it('are who has read each message of a page, in one statement each', async () => {
    const { chat, sent, run } = await newTalk();
    await services.markers.move(viewerOf(ann), { chatId: chat, seq: sent[0]?.seq ?? 0 });
    const token = await app.newToken(ann);
    const plain = () => app.run('query ($chat: ID!) { messages(chatId: $chat) { id } }', { chat }, { token });
    await plain();
    const page = await fewestStatements(services, async () => void (await plain()));
    const all = await fewestStatements(services, async () => {
      expect((await app.run(READ, { chat }, { token })).data).toEqual({
        messages: [
          { readCount: 1, readBy: [{ username: ann.username }], first: [{ id: ann.id }] },
          { readCount: 0, readBy: [], first: [] },
        ],
      });
    });
    expect(all).toBe(page + 3);
    const { errors } = await run('query ($chat: ID!) { messages(chatId: $chat) { readBy(first: 101) { id } } }');
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'first' });
  });

  it('are weighed as statements', async () => {
    const { run } = await newTalk();
    const aliases = Array.from({ length: 7 }, (_, index) => `c${index}: readCount`).join(' ');
    expect((await run(`query ($chat: ID!) { messages(chatId: $chat, last: 100) { ${aliases} } }`)).codes).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
    ]);
  });
});
