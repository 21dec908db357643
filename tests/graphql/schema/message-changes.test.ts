import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChatRole } from '../../../src/domain/chat-role.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let bob: UserProfile;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
  token = await app.newToken(ann);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** A chat of ann and bob with a message of ann's. */
async function newMessage() {
  const chat = await services.newChat(ann, bob);
  const { id } = await services.messages.send(await services.newViewer(ann), { chatId: chat.id, content: 'hello' });
  return { chat: chat.id, id };
}

const EDIT = `mutation ($chat: ID!, $id: ID!, $content: String!, $revision: Int, $mentions: [ID!], $metadata: JSON) {
  editMessage(chatId: $chat, messageId: $id, content: $content, revision: $revision, mentions: $mentions, metadata: $metadata) {
    content revision metadata mentions { id }
  }
}`;

it('editMessage leaves mentions and metadata that are absent, and takes away those that are null', async () => {
  const message = { ...(await newMessage()), content: 'hello' };
  const edit = async (more: object) => (await app.run(EDIT, { ...message, ...more }, { token })).data?.editMessage;
  const both = { metadata: { a: [1, null] }, mentions: [{ id: bob.id }] };
  expect(await edit({ mentions: [bob.id.toUpperCase()], metadata: both.metadata })).toMatchObject({
    revision: 1,
    ...both,
  });
  expect(await edit({ content: 'other' })).toMatchObject({ revision: 2, content: 'other', ...both });
  expect(await edit({ mentions: null, metadata: null })).toMatchObject({ revision: 3, metadata: null, mentions: [] });
  const { errors } = await app.run(EDIT, { ...message, content: 'late', revision: 2 }, { token });
  expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'CONFLICT', field: 'revision' }]);
});

it('a history is for its sender and for who may delete the message', async () => {
  const { chat, id } = await newMessage();
  for (const content of ['two', 'three']) await app.run(EDIT, { chat, id, content }, { token });
  const HISTORY = `query ($chat: ID!, $id: ID!, $first: Int, $after: Int) {
    message(chatId: $chat, id: $id) { history(first: $first, after: $after) { revision content editor { id } } }
  }`;
  const [first, second] = [
    { revision: 0, content: 'hello', editor: { id: ann.id } },
    { revision: 1, content: 'two', editor: { id: ann.id } },
  ];
  const read = async (page: object, as = token) => app.run(HISTORY, { chat, id, ...page }, { token: as });
  expect((await read({})).data).toEqual({ message: { history: [first, second] } });
  expect((await read({ first: 1 })).data).toEqual({ message: { history: [first] } });
  expect((await read({ after: 0 })).data).toEqual({ message: { history: [second] } });
  expect((await read({ first: 101 })).codes).toEqual(['BAD_USER_INPUT']);
  const bobs = await app.newToken(bob);
  expect((await read({}, bobs)).errors.map(({ extensions }) => extensions)).toEqual([
    { code: 'FORBIDDEN', rule: 'message.history', needs: 'moderator' },
  ]);
  await services.memberships.setRole(null, chat, bob.id, 'moderator');
  expect((await read({}, bobs)).data).toEqual({ message: { history: [first, second] } });
});

it.each<[ChatRole | 'sender' | 'admin', string[]]>([
  ['sender', ['reply', 'react', 'edit', 'delete', 'report', 'readHistory']],
  ['reader', ['report']],
  ['member', ['reply', 'react', 'report']],
  ['moderator', ['reply', 'react', 'delete', 'pin', 'report', 'readHistory']],
  ['owner', ['reply', 'react', 'delete', 'pin', 'report', 'readHistory']],
  ['admin', ['reply', 'react', 'delete', 'pin', 'report', 'readHistory']],
])('viewerCan of a message: %s', async (who, actions) => {
  const { chat, id } = await newMessage();
  if (who !== 'sender' && who !== 'admin') await services.memberships.setRole(null, chat, bob.id, who);
  const viewer = who === 'sender' ? ann : who === 'admin' ? await services.newUser('admin') : bob;
  const asked = { token: await app.newToken(viewer) };
  const QUERY = 'query ($chat: ID!, $id: ID!) { message(chatId: $chat, id: $id) { viewerCan } }';
  expect((await app.run(QUERY, { chat, id }, asked)).data).toEqual({ message: { viewerCan: actions } });
  await app.run(
    'mutation ($chat: ID!, $id: ID!) { deleteMessage(chatId: $chat, messageId: $id) { id } }',
    { chat, id },
    {
      token,
    },
  );
  expect((await app.run(QUERY, { chat, id }, asked)).data).toEqual({ message: { viewerCan: [] } });
});

it('message is null for an id that is not there, and for a chat that is not yours', async () => {
  const { chat, id } = await newMessage();
  const foreign = await newMessage();
  await services.memberships.remove(null, foreign.chat, ann.id);
  const QUERY = `query ($chat: ID!, $id: ID!) { message(chatId: $chat, id: $id) { id seq } }`;
  const answer = async (variables: object) => (await app.run(QUERY, variables, { token })).data?.message;
  expect(await answer({ chat: chat.toUpperCase(), id: id.toUpperCase() })).toMatchObject({ id });
  for (const asked of [{ chat, id: foreign.id }, { chat, id: 'no id' }, { chat: 'no id', id }, foreign])
    expect(await answer(asked)).toBeNull();
});

it('what quotes a deleted message quotes what is left of it', async () => {
  const { chat, id } = await newMessage();
  const reply = await services.messages.send(await services.newViewer(bob), { chatId: chat, content: 'reply' });
  const { pool } = services.db;
  await pool.query('INSERT INTO message_extras (chat_id, seq, reply_to_seq) VALUES ($1, $2, $3)', [
    ...[chat, reply.seq, reply.seq - 1],
  ]);
  await pool.query('UPDATE messages SET flags = 8 WHERE chat_id = $1 AND seq = $2', [chat, reply.seq]);
  await app.run(
    'mutation ($chat: ID!, $id: ID!) { deleteMessage(chatId: $chat, messageId: $id) { id } }',
    { chat, id },
    {
      token,
    },
  );
  const QUERY = `query ($chat: ID!, $after: String!) {
    messages(chatId: $chat) { id replyTo { id content nonce } }
    chatEvents(chatId: $chat, after: $after) { events { ... on MessageCreated { message { replyTo { content } } } } }
  }`;
  const [head] = await services.chatLog.heads([chat]);
  const { data } = await app.run(QUERY, { chat, after: `${head?.epoch}:${reply.seq - 1}` }, { token });
  expect(data).toMatchObject({
    messages: [{ id: reply.id, replyTo: { id, content: '', nonce: null } }],
    chatEvents: { events: [{ message: { replyTo: { content: '' } } }, {}] },
  });
});

it('pins are listed by chat, the newest first', async () => {
  const { chat, id } = await newMessage();
  const second = await services.messages.send(await services.newViewer(ann), { chatId: chat, content: 'second' });
  await services.memberships.setRole(null, chat, bob.id, 'moderator');
  const bobs = { token: await app.newToken(bob) };
  const PIN = 'mutation ($chat: ID!, $id: ID!) { pinMessage(chatId: $chat, messageId: $id) { pinnedBy { id } } }';
  for (const each of [second.id, id])
    expect((await app.run(PIN, { chat, id: each }, bobs)).data).toEqual({ pinMessage: { pinnedBy: { id: bob.id } } });
  const PINS = 'query ($chat: ID!, $after: ID) { chat(id: $chat) { pins(first: 1, after: $after) { id content } } }';
  expect((await app.run(PINS, { chat }, { token })).data).toEqual({ chat: { pins: [{ id, content: 'hello' }] } });
  expect((await app.run(PINS, { chat, after: id }, { token })).data).toMatchObject({
    chat: { pins: [{ id: second.id }] },
  });
  expect((await app.run(PINS, { chat, after: chat }, { token })).codes).toEqual(['BAD_USER_INPUT']);
});
