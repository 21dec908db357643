import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { PASSWORD, startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let admin: UserProfile;
let token: string;
let chat: { id: string; name: string; epoch: string };

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  admin = await services.newUser('admin');
  token = await app.newToken(admin);
  chat = await services.newChat(admin);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const NUL = 'a\0b';
const LONE = 'a\ud800b';
const NO_IDS = ['', 'x', '1', NUL, LONE, 'x'.repeat(100_000), '00000000-0000-0000-0000-00000000000g', "' OR 1=1 --"];
const UNKNOWN_ID = '0198c5a0-0000-7000-8000-000000000000';

/** Operations with what fits every argument but the one that is tried. */
const OPERATIONS = {
  users: 'query ($first: Int, $after: ID) { answer: users(first: $first, after: $after) { id } }',
  chats: 'query ($first: Int, $after: ID) { answer: chats(first: $first, after: $after) { id } }',
  members: 'query ($first: Int, $after: ID) { answer: chats { members(first: $first, after: $after) { joinedAt } } }',
  messages: `query ($chatId: ID!, $last: Int, $before: Int, $after: Int) {
    answer: messages(chatId: $chatId, last: $last, before: $before, after: $after) { id } }`,
  user: 'query ($id: ID!) { answer: user(id: $id) { id } }',
  chat: 'query ($id: ID, $name: String) { answer: chat(id: $id, name: $name) { id } }',
  chatEvents: `query ($chatId: ID!, $after: String!, $limit: Int) {
    answer: chatEvents(chatId: $chatId, after: $after, limit: $limit) { cursor } }`,
  createChat: 'mutation ($name: String!) { answer: createChat(name: $name) { id } }',
  openDirectChat: 'mutation ($userId: ID!) { answer: openDirectChat(userId: $userId) { id } }',
  assignUserToChat:
    'mutation ($userId: ID!, $chatId: ID!) { answer: assignUserToChat(userId: $userId, chatId: $chatId) { joinedAt } }',
  removeUserFromChat:
    'mutation ($userId: ID!, $chatId: ID!) { answer: removeUserFromChat(userId: $userId, chatId: $chatId) }',
  setMemberRole: `mutation ($chatId: ID!, $userId: ID!, $role: ChatRole!) {
    answer: setMemberRole(chatId: $chatId, userId: $userId, role: $role) { role } }`,
  muteMember: `mutation ($chatId: ID!, $userId: ID!, $until: DateTime, $reason: String) {
    answer: muteMember(chatId: $chatId, userId: $userId, until: $until, reason: $reason) { mutedUntil } }`,
  banUser: `mutation ($chatId: ID!, $userId: ID!, $until: DateTime, $reason: String) {
    answer: banUser(chatId: $chatId, userId: $userId, until: $until, reason: $reason) }`,
  bans: 'query ($chatId: ID!, $first: Int, $after: ID) { answer: bans(chatId: $chatId, first: $first, after: $after) { at } }',
  explainAccess: `query ($chatId: ID!, $userId: ID!, $action: ChatAction!, $messageId: ID) {
    answer: explainAccess(chatId: $chatId, userId: $userId, action: $action, messageId: $messageId) { allowed } }`,
  sendMessage: `mutation ($chatId: ID!, $content: String!, $nonce: String) {
    answer: sendMessage(chatId: $chatId, content: $content, nonce: $nonce) { id } }`,
  createUser: `mutation ($username: String!, $password: String!, $email: String, $firstName: String, $lastName: String) {
    answer: createUser(username: $username, password: $password, email: $email, firstName: $firstName, lastName: $lastName) { id } }`,
  updateUser: `mutation ($id: ID!, $email: String, $firstName: String, $lastName: String, $isActive: Boolean) {
    answer: updateUser(id: $id, email: $email, firstName: $firstName, lastName: $lastName, isActive: $isActive) { id } }`,
  changePassword: `mutation ($currentPassword: String!, $newPassword: String!) {
    answer: changePassword(currentPassword: $currentPassword, newPassword: $newPassword) }`,
  reauthenticate: 'mutation ($token: String!) { answer: reauthenticate(token: $token) }',
};

type Name = keyof typeof OPERATIONS;

const fitting = (): Record<Name, Record<string, unknown>> => ({
  users: {},
  chats: {},
  members: {},
  messages: { chatId: chat.id },
  user: { id: admin.id },
  chat: {},
  chatEvents: { chatId: chat.id, after: `${chat.epoch}:0` },
  createChat: { name: 'fitting' },
  openDirectChat: { userId: admin.id },
  assignUserToChat: { userId: admin.id, chatId: chat.id },
  removeUserFromChat: { userId: admin.id, chatId: chat.id },
  setMemberRole: { chatId: chat.id, userId: admin.id, role: 'member' },
  muteMember: { chatId: chat.id, userId: admin.id },
  banUser: { chatId: chat.id, userId: admin.id },
  bans: { chatId: chat.id },
  explainAccess: { chatId: chat.id, userId: admin.id, action: 'send' },
  sendMessage: { chatId: chat.id, content: 'hi' },
  createUser: { username: 'fitting', password: PASSWORD },
  updateUser: { id: admin.id },
  changePassword: { currentPassword: PASSWORD, newPassword: PASSWORD },
  reauthenticate: { token: 'cat_x' },
});

type Case = [Name, field: string, values: unknown[], answer: string | null];

const TEXTS = [NUL, LONE];
const NO_TIMES = [
  '',
  'tomorrow',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+10:00',
  '2999-01-01',
  '2999-02-30T00:00:00Z',
  '2999-01-01T00:00:00',
  32503680000000,
];
const CASES: Case[] = [
  ['users', 'first', [0, -1, 501], 'BAD_USER_INPUT'],
  ['users', 'after', NO_IDS, 'BAD_USER_INPUT'],
  ['chats', 'first', [0, -1, 501], 'BAD_USER_INPUT'],
  ['chats', 'after', NO_IDS, 'BAD_USER_INPUT'],
  ['members', 'first', [0, -1, 501], 'BAD_USER_INPUT'],
  ['members', 'after', NO_IDS, 'BAD_USER_INPUT'],
  ['messages', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['messages', 'last', [0, -1, 101, 2 ** 31 - 1], 'BAD_USER_INPUT'],
  ['messages', 'before', [-1, -(2 ** 31)], 'BAD_USER_INPUT'],
  ['messages', 'after', [-1, -(2 ** 31)], 'BAD_USER_INPUT'],
  ['user', 'id', [...NO_IDS, UNKNOWN_ID], null],
  ['chat', 'id', [...NO_IDS, UNKNOWN_ID], null],
  ['chat', 'name', ['', 'nowhere', NUL, LONE, 'a/b', 'x'.repeat(100_000), '😀'.repeat(100)], null],
  ['chatEvents', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  [
    'chatEvents',
    'after',
    ['', 'x', 'x:', ':1', 'x:-1', 'x:1.5', 'x:99999999999', NUL, LONE, 'x'.repeat(100_000)],
    'BAD_USER_INPUT',
  ],
  ['chatEvents', 'after', ['other:0', 'other:2147483647'], 'CURSOR_RESET'],
  ['chatEvents', 'limit', [0, -1, 501], 'BAD_USER_INPUT'],
  [
    'createChat',
    'name',
    ['', 'a/b', 'a\nb', 'a\u007fb', 'x'.repeat(101), 'x'.repeat(100_000), UNKNOWN_ID, `DM-${UNKNOWN_ID}`, ...TEXTS],
    'BAD_USER_INPUT',
  ],
  ['openDirectChat', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['assignUserToChat', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['assignUserToChat', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['removeUserFromChat', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['removeUserFromChat', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['setMemberRole', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['setMemberRole', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['setMemberRole', 'role', ['', 'admin', 'Owner', 1], 'BAD_USER_INPUT'],
  ['muteMember', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['muteMember', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['muteMember', 'until', ['2020-01-01T00:00:00Z', ...NO_TIMES], 'BAD_USER_INPUT'],
  ['muteMember', 'reason', ['', 'x'.repeat(501), ...TEXTS], 'BAD_USER_INPUT'],
  ['banUser', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['banUser', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['banUser', 'until', ['2020-01-01T00:00:00Z', ...NO_TIMES], 'BAD_USER_INPUT'],
  ['banUser', 'reason', ['', 'x'.repeat(501), ...TEXTS], 'BAD_USER_INPUT'],
  ['bans', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['bans', 'first', [0, -1, 501], 'BAD_USER_INPUT'],
  ['bans', 'after', NO_IDS, 'BAD_USER_INPUT'],
  ['explainAccess', 'userId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['explainAccess', 'action', ['', 'Send', 1], 'BAD_USER_INPUT'],
  ['explainAccess', 'messageId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['sendMessage', 'chatId', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['sendMessage', 'content', ['', ' \n\t ', 'x'.repeat(4001), 'x'.repeat(200_000), ...TEXTS], 'BAD_USER_INPUT'],
  ['sendMessage', 'nonce', ['', 'x'.repeat(129), 'x'.repeat(200_000), ...TEXTS], 'BAD_USER_INPUT'],
  ['createUser', 'username', ['', 'a b', 'a/b', 'x'.repeat(151), 'x'.repeat(100_000), ...TEXTS], 'BAD_USER_INPUT'],
  [
    'createUser',
    'password',
    ['', 'x'.repeat(7), 'x'.repeat(257), 'x'.repeat(200_000), `${NUL}12345678`, `${LONE}12345678`],
    'BAD_USER_INPUT',
  ],
  ['createUser', 'email', ['x', 'a b@c', '@', 'x'.repeat(100_000), `${NUL}@x`, `${LONE}@x`], 'BAD_USER_INPUT'],
  ['createUser', 'firstName', ['x'.repeat(151), ...TEXTS], 'BAD_USER_INPUT'],
  ['createUser', 'lastName', ['x'.repeat(151), ...TEXTS], 'BAD_USER_INPUT'],
  ['updateUser', 'id', [...NO_IDS, UNKNOWN_ID], 'NOT_FOUND'],
  ['updateUser', 'email', ['x', `${NUL}@x`, `${LONE}@x`], 'BAD_USER_INPUT'],
  ['updateUser', 'firstName', ['x'.repeat(151), ...TEXTS], 'BAD_USER_INPUT'],
  ['updateUser', 'lastName', ['x'.repeat(151), ...TEXTS], 'BAD_USER_INPUT'],
  ['changePassword', 'currentPassword', ['', 'wrong', 'x'.repeat(200_000), ...TEXTS], 'BAD_USER_INPUT'],
  [
    'changePassword',
    'newPassword',
    ['', 'x'.repeat(7), 'x'.repeat(257), `${NUL}12345678`, `${LONE}12345678`],
    'BAD_USER_INPUT',
  ],
  ['reauthenticate', 'token', ['', 'x', NUL, LONE], 'BAD_USER_INPUT'],
];

const show = (value: unknown) => JSON.stringify(value).slice(0, 30);

describe.each(CASES)('%s(%s)', (name, field, values, code) => {
  test.each(values.map((value): [string, unknown] => [show(value), value]))(`%s: ${code}`, async (_shown, value) => {
    const variables = { ...fitting()[name], [field]: value };
    const { status, data, errors, codes } = await app.run(OPERATIONS[name], variables, { token });
    expect(status).toBe(200);
    expect(codes).toEqual(code === null ? [] : [code]);
    if (code === null) expect(data).toEqual({ answer: null });
    if (code === 'BAD_USER_INPUT') expect(errors[0]?.extensions.field).toBe(field);
    expect(errors[0]?.message.length ?? 0).toBeLessThan(300);
  });
});

test('nothing was left behind', async () => {
  const { prisma } = services.db;
  expect(await prisma.user.count()).toBe(1);
  expect(await prisma.chat.count()).toBe(1);
  expect(await prisma.message.count()).toBe(0);
  expect(await prisma.chatMembership.count()).toBe(1);
});

describe('a chat is named by its id or by its name', () => {
  test.each([{}, { id: null, name: null }])('by neither: BAD_USER_INPUT', async (variables) => {
    expect((await app.run(OPERATIONS.chat, variables, { token })).codes).toEqual(['BAD_USER_INPUT']);
  });

  test('by both: BAD_USER_INPUT', async () => {
    const both = { id: chat.id, name: chat.name };
    expect((await app.run(OPERATIONS.chat, both, { token })).codes).toEqual(['BAD_USER_INPUT']);
  });

  test('ids in capitals and names in any case are the same chat', async () => {
    for (const variables of [{ id: chat.id.toUpperCase() }, { name: chat.name.toUpperCase() }])
      expect((await app.run(OPERATIONS.chat, variables, { token })).data).toEqual({ answer: { id: chat.id } });
  });
});

describe('what is not even a value', () => {
  test.each([
    ['a lone surrogate, escaped', '{ chat(name: "\\uD800") { id } }'],
    ['a braced escape of a lone surrogate', '{ chat(name: "\\u{D800}") { id } }'],
    ['a lone surrogate as it is', '{ chat(name: "\ud800") { id } }'],
    ['U+0000 between words', '{ me \0 { id } }'],
  ])('%s in the document', async (_name, query) => {
    const { status, codes } = await app.run(query, {}, { token });
    expect(status).toBe(200);
    expect(codes).toEqual(['GRAPHQL_PARSE_FAILED']);
  });

  test.each(['\\u0000', '\0'])('U+0000 in a string of the document is a value: %j', async (nul) => {
    const answer = await app.run(`{ chat(name: "${nul}") { id } }`, {}, { token });
    expect(answer).toMatchObject({ codes: [], data: { chat: null } });
  });

  test.each(['\0', '\ud800', 'x'.repeat(100_000)])('an operation name that is none', async (operationName) => {
    expect((await app.run('query A { me { id } }', {}, { token, operationName })).codes).toEqual(['BAD_USER_INPUT']);
  });
});

describe('null for an argument that has a default is the default', () => {
  test.each<[Name, Record<string, unknown>]>([
    ['messages', { last: null, before: null, after: null }],
    ['chatEvents', { limit: null }],
    ['users', { first: null, after: null }],
    ['chats', { first: null, after: null }],
    ['members', { first: null, after: null }],
  ])('%s', async (name, variables) => {
    expect((await app.run(OPERATIONS[name], { ...fitting()[name], ...variables }, { token })).codes).toEqual([]);
  });
});
