import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Service, startTeam } from '../../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let service: Service;
let admin: string;
beforeAll(async () => {
  team = await startTeam();
  service = team.first;
  admin = await team.signIn('admin');
});
afterAll(() => team.close());

const one = (data: unknown, ...path: string[]): string =>
  String(path.reduce((value, name) => (value instanceof Object ? Reflect.get(value, name) : undefined), data));

it('an id in capitals is the same id: who is demoted by it reads no more at once', async () => {
  const make = `mutation ($name: String!) { createUser(username: $name, password: "correct horse battery", role: admin) { id } }`;
  const id = one((await service.query(admin, make, { name: 'second' })).data, 'createUser', 'id');
  const second = await team.signIn('second');
  expect((await service.query(second, '{ users { id } }')).codes).toEqual([]);
  const demote = 'mutation ($id: ID!) { updateUser(id: $id, role: user) { id role } }';
  const { data } = await service.query(admin, demote, { id: id.toUpperCase() });
  expect(data).toEqual({ updateUser: { id, role: 'user' } });
  expect((await service.query(second, '{ users { id } }')).codes).toEqual(['FORBIDDEN']);
});

it('every field that takes an id takes it in capitals, and answers with the id as it is', async () => {
  const chat = await service.query(admin, 'mutation { createChat(name: "general") { id } }');
  const chatId = one(chat.data, 'createChat', 'id');
  const me = one((await service.query(admin, '{ me { id } }')).data, 'me', 'id');
  const [CHAT, ME] = [chatId.toUpperCase(), me.toUpperCase()];
  const { data, codes } = await service.query(
    admin,
    `mutation ($chat: ID!, $me: ID!) {
      assignUserToChat(chatId: $chat, userId: $me) { chat { id } user { id } }
      sendMessage(chatId: $chat, content: "hi") { chat { id } sender { id } }
      setMemberRole(chatId: $chat, userId: $me, role: moderator) { chat { id } user { id } }
      removeUserFromChat(chatId: $chat, userId: $me)
    }`,
    { chat: CHAT, me: ME },
  );
  expect({ data, codes }).toEqual({
    codes: [],
    data: {
      assignUserToChat: { chat: { id: chatId }, user: { id: me } },
      sendMessage: { chat: { id: chatId }, sender: { id: me } },
      setMemberRole: { chat: { id: chatId }, user: { id: me } },
      removeUserFromChat: true,
    },
  });
  const read = await service.query(
    admin,
    `query ($chat: ID!, $me: ID!) {
      chat(id: $chat) { id members(after: $me) { user { id } } }
      user(id: $me) { id email }
      messages(chatId: $chat) { chat { id } }
      users(after: $me, first: 1) { username }
      chats(after: $chat) { id }
    }`,
    { chat: CHAT, me: ME },
  );
  expect(read.data).toEqual({
    chat: { id: chatId, members: [] },
    user: { id: me, email: null },
    messages: [{ chat: { id: chatId } }],
    users: [{ username: 'second' }],
    chats: [],
  });
});

it.each(['{%}', 'urn:uuid:%'])('what is no id as the service writes them, %s, is the id of nothing', async (form) => {
  const id = one((await service.query(admin, '{ me { id } }')).data, 'me', 'id');
  const { data } = await service.query(admin, 'query ($id: ID!) { user(id: $id) { id } }', {
    id: form.replace('%', id),
  });
  expect(data).toEqual({ user: null });
});
