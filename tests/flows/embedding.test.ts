import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';

const USERS = 300;
const CHATS = 30;
const MEMBERS = 10;

const UPSERT_USERS = 'mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { id } }';
const UPSERT_CHATS = 'mutation ($chats: [ChatInput!]!) { upsertChats(chats: $chats) { id } }';
const SET_MEMBERS =
  'mutation ($chatId: ID!, $members: [MemberInput!]!) { setChatMembers(chatId: $chatId, exactly: $members) { role user { id } } }';

let team: Awaited<ReturnType<typeof startTeam>>;
let credentials: Record<string, string>;
beforeAll(async () => {
  team = await startTeam();
  const { bots, clients } = team.first.app.services;
  const serviceUserId = await bots.forService('backend', 'admin');
  const { client, secret } = await clients.create({ name: 'Backend', serviceUserId, grants: ['issue_token'] });
  credentials = { client_id: client.id, client_secret: secret ?? '' };
});
afterAll(() => team.close());

async function newToken(): Promise<string> {
  const { body } = await team.first.token({ grant_type: 'client_credentials', ...credentials });
  return String(body.access_token);
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The product's own data, as the calls that bring it to the service. */
function calls(): [query: string, variablesOf: () => Promise<object>][] {
  const users = range(USERS).map((index) => ({
    ...{ externalId: `customer-${index}`, username: `customer-${index}`, email: `c${index}@example.org` },
    ...{ firstName: `First ${index}`, lastName: `Last ${index}`, role: 'user', isActive: true },
    identities: [{ issuer: 'https://id.example.org', subject: String(index) }],
  }));
  const chats = range(CHATS).map((index) => ({ externalId: `order-${index}`, name: `Order ${index}` }));
  const { prisma } = team.first.app.db;
  return [
    ...range(USERS / 100).map((page): ReturnType<typeof calls>[number] => [
      UPSERT_USERS,
      async () => ({ users: users.slice(page * 100, page * 100 + 100) }),
    ]),
    [UPSERT_CHATS, async () => ({ chats })],
    ...range(CHATS).map((index): ReturnType<typeof calls>[number] => [
      SET_MEMBERS,
      async () => ({
        chatId: (await prisma.chat.findUniqueOrThrow({ where: { externalId: `order-${index}` } })).id,
        members: range(MEMBERS).map((member) => ({
          externalId: `customer-${(index * MEMBERS + member) % USERS}`,
          role: member === 0 ? 'owner' : 'member',
        })),
      }),
    ]),
  ];
}

/** Every row that the calls write, and which transaction wrote it. */
async function versions(): Promise<unknown[]> {
  const tables = ['users', 'chats', 'chat_memberships', 'chat_events', 'external_identities'];
  const { pool } = team.first.app.db;
  const read = tables.map((table) => pool.query(`SELECT t.ctid, t.xmin FROM ${table} t ORDER BY t.ctid`));
  return (await Promise.all(read)).map(({ rows }) => rows);
}

it('a product brings its users, chats and members, is cut off in the middle, begins again, and changes nothing the second time', async () => {
  const token = await newToken();
  const bring = async (count = Number.POSITIVE_INFINITY) => {
    for (const [query, variablesOf] of calls().slice(0, count)) {
      const { codes } = await team.first.query(token, query, await variablesOf());
      expect(codes).toEqual([]);
    }
  };
  await bring(7);
  await bring();
  const { prisma } = team.first.app.db;
  expect(await prisma.user.count({ where: { externalId: { not: null } } })).toBe(USERS);
  const chats = await prisma.chat.findMany({ where: { externalId: { not: null } }, select: { lastSeq: true } });
  expect(chats).toEqual(range(CHATS).map(() => ({ lastSeq: MEMBERS })));

  const before = await versions();
  await bring();
  expect(await versions()).toEqual(before);
});

it('a product signs its people in, who talk, and nobody has a password', async () => {
  const { data } = await team.first.query(
    await newToken(),
    'mutation { issueToken(user: { externalId: "customer-3" }, expiresIn: 60) { accessToken user { username } } }',
  );
  const { issueToken } = data as { issueToken: { accessToken: string; user: { username: string } } };
  expect(issueToken.user).toEqual({ username: 'customer-3' });
  const read = await team.first.query(issueToken.accessToken, '{ me { username externalId } chats { externalId } }');
  expect(read.data).toEqual({
    me: { username: 'customer-3', externalId: 'customer-3' },
    chats: [{ externalId: 'order-0' }],
  });
  const socket = await team.first.channel(issueToken.accessToken, 'Order 0');
  await socket.next('live');
  socket.send({ type: 'message.send', id: 'a', content: 'Is it on its way?' });
  expect(await socket.next('ack')).toMatchObject({ id: 'a' });
  await socket.close();
});
