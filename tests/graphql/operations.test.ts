import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toProfile, type UserProfile } from '../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { PASSWORD, startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let admin: UserProfile;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  [admin, ann] = [await services.newUser('admin'), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const run = async (user: UserProfile, query: string, variables: object = {}) =>
  app.run(query, variables, { token: await app.newToken(user) });

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const ID = expect.stringMatching(/^[0-9a-f]{8}-/);

describe('users', () => {
  test('createUser makes a user, with what is given', async () => {
    const { data } = await run(
      admin,
      `mutation { createUser(username: "Zoë.b@x+y-z_1", password: "${PASSWORD}", email: "zoe@example.org", firstName: "Zoë") {
        id username email firstName lastName role isActive dateJoined } }`,
    );
    expect(data).toEqual({
      createUser: {
        id: ID,
        username: 'Zoë.b@x+y-z_1',
        email: 'zoe@example.org',
        firstName: 'Zoë',
        lastName: '',
        role: 'user',
        isActive: true,
        dateJoined: ISO,
      },
    });
    expect(await services.signIn.authenticate('Zoë.b@x+y-z_1', PASSWORD)).toBeDefined();
  });

  test('createUser with a taken username: CONFLICT', async () => {
    const query = `mutation { createUser(username: "${ann.username}", password: "${PASSWORD}", role: admin) { id } }`;
    const { errors } = await run(admin, query);
    expect(errors).toMatchObject([{ extensions: { code: 'CONFLICT', field: 'username' } }]);
  });

  test('externalId finds a user, for the user and for admins alone', async () => {
    const made = await run(
      admin,
      `mutation { createUser(username: "shopper", password: "${PASSWORD}", externalId: "shop 7") { id kind externalId } }`,
    );
    expect(made.data).toEqual({ createUser: { id: ID, kind: 'human', externalId: 'shop 7' } });
    const find = '{ user(externalId: "shop 7") { username externalId } }';
    const found = { user: { username: 'shopper', externalId: 'shop 7' } };
    expect((await run(admin, find)).data).toEqual(found);
    const shopper = await services.db.prisma.user.findUniqueOrThrow({ where: { username: 'shopper' } });
    expect((await run(toProfile(shopper), find)).data).toEqual(found);
    expect((await run(ann, find)).data).toEqual({ user: null });
    expect((await run(ann, `{ user(id: "${shopper.id}") { username externalId } }`)).data).toEqual({
      user: { username: 'shopper', externalId: null },
    });
    for (const nobody of ['shop 8', '', 'SHOP 7', 'x'.repeat(1000), 'a\0b'])
      expect((await run(admin, `query ($id: String!) { user(externalId: $id) { id } }`, { id: nobody })).data).toEqual({
        user: null,
      });
  });

  test.each(['', `(id: "${crypto.randomUUID()}", externalId: "x")`, '(id: null)'])(
    'user%s names no one user',
    async (args) => {
      const { errors } = await run(admin, `{ user${args} { id } }`);
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'id' } }]);
    },
  );

  test('updateUser changes what is given; null clears the email', async () => {
    const query = `mutation ($id: ID!, $email: String, $firstName: String) {
      updateUser(id: $id, email: $email, firstName: $firstName) { email firstName lastName role } }`;
    const first = await run(admin, query, { id: ann.id, email: 'ann@example.org', firstName: 'Ann' });
    expect(first.data).toEqual({
      updateUser: { email: 'ann@example.org', firstName: 'Ann', lastName: '', role: 'user' },
    });
    const second = await run(admin, query, { id: ann.id, email: null });
    expect(second.data).toMatchObject({ updateUser: { email: null, firstName: 'Ann' } });
  });

  test('who is deactivated is signed out', async () => {
    const user = await services.newUser();
    const token = await app.newToken(user);
    await run(admin, `mutation { updateUser(id: "${user.id}", isActive: false) { id } }`);
    expect((await app.run('{ me { id } }', {}, { token })).status).toBe(401);
  });

  test('changePassword ends every other sign-in and leaves the one that asked', async () => {
    const user = await services.users.create({ username: 'changes', password: PASSWORD });
    const profile = { ...ann, id: user.id };
    const [asking, other] = [await app.newToken(profile), await app.newToken(profile)];
    const query = `mutation { changePassword(currentPassword: "${PASSWORD}", newPassword: "another password") }`;
    expect((await app.run(query, {}, { token: asking })).data).toEqual({ changePassword: true });
    expect((await app.run('{ me { id } }', {}, { token: asking })).status).toBe(200);
    expect((await app.run('{ me { id } }', {}, { token: other })).status).toBe(401);
    expect(await services.signIn.authenticate('changes', 'another password')).toBeDefined();
  });
});

describe('chats', () => {
  test('createChat makes a chat without members', async () => {
    const query =
      'mutation { createChat(name: "Ⓐ quiet place") { id name createdAt cursor members { joinedAt } lastMessage { id } } }';
    expect((await run(admin, query)).data).toEqual({
      createChat: {
        id: ID,
        name: 'Ⓐ quiet place',
        createdAt: ISO,
        cursor: expect.stringMatching(/^[a-z0-9]+:0$/),
        members: [],
        lastMessage: null,
      },
    });
  });

  test('createChat with a name that differs in case only: CONFLICT', async () => {
    await run(admin, 'mutation { createChat(name: "Straße") { id } }');
    const { errors } = await run(admin, 'mutation { createChat(name: "STRASSE") { id } }');
    expect(errors).toMatchObject([{ extensions: { code: 'CONFLICT', field: 'name' } }]);
  });

  test('externalId finds a chat, for who may read it', async () => {
    const made = await run(admin, 'mutation { createChat(name: "Order 7", externalId: "o-7") { id externalId } }');
    expect(made.data).toEqual({ createChat: { id: ID, externalId: 'o-7' } });
    const taken = await run(admin, 'mutation { createChat(name: "Another", externalId: "o-7") { id } }');
    expect(taken.errors).toMatchObject([{ extensions: { code: 'CONFLICT', field: 'externalId' } }]);
    const find = '{ chat(externalId: "o-7") { name externalId } }';
    expect((await run(admin, find)).data).toEqual({ chat: { name: 'Order 7', externalId: 'o-7' } });
    expect((await run(ann, find)).data).toEqual({ chat: null });
    expect((await run(admin, '{ chat(externalId: "o-8") { name } }')).data).toEqual({ chat: null });
    const two = await run(admin, '{ chat(name: "Order 7", externalId: "o-7") { name } }');
    expect(two.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'id' } }]);
  });

  test('assignUserToChat makes a member, once; removeUserFromChat ends it, once', async () => {
    const chat = await services.newChat();
    const args = `(userId: "${ann.id.toUpperCase()}", chatId: "${chat.id.toUpperCase()}")`;
    const assign = `mutation { assignUserToChat${args} { joinedAt user { id } chat { id cursor } } }`;
    const first = await run(admin, assign);
    const membership = { joinedAt: ISO, user: { id: ann.id }, chat: { id: chat.id, cursor: `${chat.epoch}:1` } };
    expect(first.data).toEqual({ assignUserToChat: membership });
    expect((await run(admin, assign)).data).toEqual(first.data);
    const remove = `mutation { removeUserFromChat${args} }`;
    expect((await run(admin, remove)).data).toEqual({ removeUserFromChat: true });
    expect((await run(admin, remove)).data).toEqual({ removeUserFromChat: false });
    expect(await services.chatLog.heads([chat.id])).toMatchObject([{ seq: 2 }]);
  });
});

describe('messages', () => {
  const send = `mutation ($chatId: ID!, $content: String!, $nonce: String) {
    sendMessage(chatId: $chatId, content: $content, nonce: $nonce) {
      id content createdAt seq nonce sender { id username } chat { id } } }`;

  test('sendMessage answers with the message as it is stored', async () => {
    const chat = await services.newChat(ann);
    const { data } = await run(ann, send, { chatId: chat.id.toUpperCase(), content: '  hi 👋\n', nonce: 'n' });
    const message = {
      id: ID,
      content: 'hi 👋',
      createdAt: ISO,
      seq: 2,
      nonce: 'n',
      sender: { id: ann.id, username: ann.username },
      chat: { id: chat.id },
    };
    expect(data).toEqual({ sendMessage: message });
    const read = `{ messages(chatId: "${chat.id}") { id content createdAt seq nonce sender { id username } chat { id } } }`;
    expect((await run(ann, read)).data).toEqual({ messages: [data?.sendMessage] });
    expect((await run(admin, read)).data).toEqual({ messages: [{ ...message, nonce: null }] });
  });

  test.each([
    [
      'in a fragment',
      'messages(chatId: $id) { id ...M } } fragment M on Message { seq ...S } fragment S on Message { sender { username }',
    ],
    ['in an inline fragment', 'messages(chatId: $id) { ... { ... on Message { sender { username } } } }'],
    ['under a condition', 'messages(chatId: $id) { sender @include(if: true) { username } }'],
    ['under another name', 'messages(chatId: $id) { from: sender { username } }'],
    ['where the same field comes again', 'messages(chatId: $id) { id } messages(chatId: $id) { sender { username } }'],
    ['beside a page without', 'plain: messages(chatId: $id) { nonce } messages(chatId: $id) { sender { username } }'],
    ['in another page of the message', 'messages(chatId: $id) { chat { lastMessage { sender { username } } } }'],
  ])('a sender is read when it is asked for %s', async (_where, selection) => {
    const chat = await services.newChat(ann);
    await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', nonce: 'n' });
    const { data, codes } = await run(ann, `query ($id: ID!) { ${selection} }`, { id: chat.id });
    expect(codes).toEqual([]);
    expect(JSON.stringify(data)).toContain(`{"username":"${ann.username}"}`);
    if (data?.plain) expect(data.plain).toEqual([{ nonce: 'n' }]);
  });

  test('the same nonce returns the first message, and NONCE_REUSED with another content', async () => {
    const chat = await services.newChat(ann);
    const once = await run(ann, send, { chatId: chat.id, content: 'hi', nonce: 'once' });
    expect((await run(ann, send, { chatId: chat.id, content: 'hi', nonce: 'once' })).data).toEqual(once.data);
    const { errors } = await run(ann, send, { chatId: chat.id, content: 'bye', nonce: 'once' });
    expect(errors).toMatchObject([{ extensions: { code: 'NONCE_REUSED', field: 'nonce' } }]);
  });

  test('an admin writes and reads without being a member', async () => {
    const chat = await services.newChat();
    expect((await run(admin, send, { chatId: chat.id, content: 'hi' })).codes).toEqual([]);
    expect((await run(admin, `{ messages(chatId: "${chat.id}") { content } }`)).data).toEqual({
      messages: [{ content: 'hi' }],
    });
  });
});

describe('events', () => {
  test('say what happened, who did it and to whom', async () => {
    const chat = await services.newChat();
    await services.memberships.add(admin, chat.id, ann.id);
    await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', nonce: 'n' });
    await services.memberships.remove(admin, chat.id, ann.id);
    const { data } = await run(
      admin,
      `{ chatEvents(chatId: "${chat.id}", after: "${chat.epoch}:0") { events { __typename chatId seq cursor at actor { username }
        ... on MessageCreated { message { content nonce chat { id } } }
        ... on MemberAdded { member { joinedAt user { username } chat { id } } }
        ... on MemberRemoved { user { username } } } } }`,
    );
    const base = (seq: number) => ({ chatId: chat.id, seq, cursor: `${chat.epoch}:${seq}`, at: ISO });
    const [byAdmin, byAnn] = [{ username: admin.username }, { username: ann.username }];
    expect(data).toEqual({
      chatEvents: {
        events: [
          {
            __typename: 'MemberAdded',
            ...base(1),
            actor: byAdmin,
            member: { joinedAt: ISO, user: byAnn, chat: { id: chat.id } },
          },
          {
            __typename: 'MessageCreated',
            ...base(2),
            actor: byAnn,
            message: { content: 'hi', nonce: null, chat: { id: chat.id } },
          },
          { __typename: 'MemberRemoved', ...base(3), actor: byAdmin, user: byAnn },
        ],
      },
    });
  });
});

describe('sockets of a chat', () => {
  test('createSocketTicket gives a key that is good once', async () => {
    const { data } = await run(ann, 'mutation { createSocketTicket }');
    const ticket = String(data?.createSocketTicket);
    expect(await services.tokens.redeemSocketTicket(ticket)).toMatchObject({ user: { id: ann.id } });
    expect(await services.tokens.redeemSocketTicket(ticket)).toBeUndefined();
  });
});

describe('a token renewed in place', () => {
  const renew = 'mutation ($token: String!) { reauthenticate(token: $token) }';
  const over = async (token: string) => {
    const client = app.connect(await app.newToken(ann));
    const { value } = await client.iterate({ query: renew, variables: { token } }).next();
    await client.dispose();
    return value;
  };

  test("is the user's own", async () => {
    expect(await over(await app.newToken(ann))).toEqual({ data: { reauthenticate: true } });
  });

  test("is not another user's: FORBIDDEN", async () => {
    expect(await over(await app.newToken(admin))).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  test('is not one that is none: UNAUTHENTICATED', async () => {
    expect(await over('cat_none')).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED', field: 'token' } }],
    });
  });
});
