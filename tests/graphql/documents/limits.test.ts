import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Documents } from '../../../src/graphql/documents/documents.js';
import { LIMITS } from '../../../src/graphql/documents/limits.js';
import { schema } from '../../../src/graphql/schema/schema.js';
import { leastCpu } from '../../support/cpu-time.js';
import { fewestStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let token: string;

beforeAll(async () => {
  services = await startOwnServices({ probeIntervalMs: 3_600_000 });
  app = await startGraphqlApp(services);
  token = await app.newToken(await services.newUser('admin'));
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
/** `open`, with as many braces as it opens, so many times within itself. */
const nested = (open: string, depth: number, core: string) =>
  `${open.repeat(depth)}${core}${'}'.repeat(depth * (open.split('{').length - 1))}`;

const EXCESSES: Record<string, { query: string; variables?: object; code?: string }> = {
  'fifty thousand fields at the top': { query: `{ ${times(50_000, (index) => `a${index}: __typename`)} }` },
  'ten thousand levels': { query: nested('{ a ', 10_000, '') },
  'ten thousand words': { query: times(5000, () => '{a'), code: 'GRAPHQL_PARSE_FAILED' },
  'eleven levels': { query: `{ chats { ${nested('members { chat { ', 4, 'lastMessage { id }')} } }` },
  'twenty-one fields at the top': { query: `{ ${times(21, (index) => `a${index}: me { id }`)} }` },
  'twenty-one fields at the top, by fragments': {
    query: `{ ${times(7, (index) => `...F${index}`)} } ${times(7, (index) => `fragment F${index} on Query { a${index}: me { id } b${index}: me { id } c${index}: me { id } }`)}`,
  },
  'four hundred and one aliases': {
    query: `{ me { ${times(401, (index) => `a${index}: id`)} } }`,
    code: 'GRAPHQL_PARSE_FAILED',
  },
  'a field repeated too often': { query: `{ me { ${times(401, () => 'id')} } }` },
  'fragments that double': {
    query: `{ me { ...F0 } } ${times(30, (index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`)} fragment F30 on User { id }`,
  },
  'lists within lists': { query: '{ chats { members { chat { members { chat { members { user { id } } } } } } } }' },
  'long lists within long lists': {
    query: 'query ($n: Int) { chats(first: $n) { members(first: $n) { user { id } } } }',
    variables: { n: 500 },
  },
  'many hashes of passwords': {
    query: `mutation { ${times(20, (index) => `a${index}: changePassword(currentPassword: "${index}", newPassword: "password")`)} }`,
  },
  'one long list of members for several chats': {
    query: `mutation ($add: [MemberInput!]!) { ${times(2, (index) => `a${index}: setChatMembers(chatId: "${index}", add: $add) { role }`)} }`,
    variables: { add: Array.from({ length: 1000 }, () => ({ externalId: 'x' })) },
  },
  'several chats emptied at once': {
    query: `mutation { ${times(2, (index) => `a${index}: setChatMembers(chatId: "${index}", exactly: []) { role }`)} }`,
  },
  'the schema of the schema of the schema': {
    query: `{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }`,
  },
};

describe.each(Object.entries(EXCESSES))(
  '%s',
  (_name, { query, variables = {}, code = 'GRAPHQL_VALIDATION_FAILED' }) => {
    test('is refused over HTTP before it reads anything', async () => {
      const statements = await fewestStatements(services, async () => {
        const { status, data, codes } = await app.run(query, variables, {
          token,
          headers: { accept: 'application/graphql-response+json' },
        });
        // A document of a megabyte is refused for its size already.
        expect([400, 413]).toContain(status);
        expect(codes.at(0)).toBe(status === 413 ? 'BAD_USER_INPUT' : code);
        expect(data).toBeUndefined();
      });
      expect(statements).toBeLessThanOrEqual(1); // The token's.
    });

    test('is refused in less than 20 ms', async () => {
      expect(await leastCpu(20, () => new Documents(schema).check({ query }))).toBeLessThan(20);
    });
  },
);

describe('over a socket', () => {
  // Those that fit a frame.
  test.each(Object.entries(EXCESSES).filter(([, { query }]) => query.length < 60_000))(
    '%s is refused too, and the socket lives',
    async (_name, { query, variables, code = 'GRAPHQL_VALIDATION_FAILED' }) => {
      const client = app.connect(token);
      const run = (text: string) =>
        client
          .iterate({ query: text, variables: { ...variables } })
          .next()
          .then(
            ({ value }) => value,
            (errors: unknown) => errors,
          );
      expect(await run(query)).toContainEqual(expect.objectContaining({ extensions: { code } }));
      expect(await run('{ __typename }')).toEqual({ data: { __typename: 'Query' } });
      await client.dispose();
    },
  );

  test('a subscription is limited as a query is', async () => {
    const client = app.connect(token);
    const query = `subscription { messageSent(chatId: "x") { ${nested('chat { lastMessage { ', 5, 'id')} } }`;
    const refusal = await client
      .iterate({ query })
      .next()
      .catch((errors: unknown) => errors);
    expect(refusal).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    await client.dispose();
  });
});

describe('what applications ask for is within the limits', () => {
  const EVERYTHING = { specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, oneOf: true };
  const USER = 'id username email firstName lastName role isActive dateJoined';
  const MESSAGE = `id content createdAt seq nonce sender { ${USER} } chat { id name cursor }`;
  const EVENTS = `__typename chatId seq cursor at actor { ${USER} }
    ... on MessageCreated { message { ${MESSAGE} } }
    ... on MemberAdded { member { joinedAt user { ${USER} } chat { id name } } }
    ... on MemberRemoved { user { ${USER} } }`;

  test.each([
    ['the introspection of GraphiQL', getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true })],
    ['the introspection of code generators', getIntrospectionQuery({ inputValueDeprecation: true, ...EVERYTHING })],
    ['all users', `{ users(first: 500) { ${USER} } }`],
    [
      'all chats with their members and last messages',
      `{ chats { id name cursor createdAt members { joinedAt user { ${USER} } } lastMessage { ${MESSAGE} } } }`,
    ],
    ['a hundred messages', `{ messages(chatId: "x", last: 100) { ${MESSAGE} } }`],
    ['a page of events', `{ chatEvents(chatId: "x", after: "x:0") { cursor hasMore events { ${EVENTS} } } }`],
    [
      'the longest page of events',
      `{ chatEvents(chatId: "x", after: "x:0", limit: 500) { cursor hasMore events { ${EVENTS} } } }`,
    ],
    ['a stream', `subscription { chatEvents(chatId: "x") { ${EVENTS} } }`],
    [
      'the whole of a chat window',
      `{ me { ${USER} } chat(id: "x") { id name cursor members(first: 500) { user { ${USER} } } } messages(chatId: "x", last: 100) { ${MESSAGE} } }`,
    ],
  ])('%s', (_name, query) => {
    expect(new Documents(schema).check({ query })).toMatchObject({ type: expect.any(String) });
  });
});

test('one operation runs or not by the values of its variables', () => {
  const documents = new Documents(schema);
  const query = 'query ($n: Int!) { chats(first: $n) { members(first: $n) { user { id } } } }';
  const mayRun = (n: number) => !('errors' in documents.check({ query, variables: { n } }));
  expect([5, 500, 10, 2 ** 31 - 1, 20].map(mayRun)).toEqual([true, false, true, false, true]);
});

test('one operation runs or not by the lengths of lists in its variables, whatever it was sent with before', () => {
  const documents = new Documents(schema);
  const message =
    '{ id seq content createdAt editedAt deletedAt revision nonce sender { username } chat { name cursor } replyTo { seq } pinnedAt }';
  const query = `mutation ($ids: [ID!]!) { ${times(20, (index) => `a${index}: deleteMessages(chatId: "x", messageIds: $ids) ${message}`)} }`;
  const mayRun = (length: number) =>
    !('errors' in documents.check({ query, variables: { ids: Array.from({ length }, () => 'x') } }));
  expect([1, 200, 1, 200].map(mayRun)).toEqual([true, false, true, false]);
});

test.each([
  'query ($id: ID! = "x") { messages(chatId: $id) { id } }',
  'query ($id: ID = "x") { messages(chatId: $id) { id } }',
  'mutation ($ids: [ID!]! = ["x"]) { deleteMessages(chatId: "x", messageIds: $ids) { id } }',
])('the variables of %s may keep their defaults', (query) => {
  expect(new Documents(schema).check({ query })).toMatchObject({ type: expect.any(String) });
});

test('the longest call for members of a chat is within the limits', () => {
  const query = `mutation ($add: [MemberInput!]!) { setChatMembers(chatId: "x", add: $add)
    { role joinedAt user { id username email firstName lastName role isActive } } }`;
  const variables = { add: Array.from({ length: 1000 }, (_, index) => ({ externalId: `${index}`, role: 'member' })) };
  expect(new Documents(schema).check({ query, variables })).toMatchObject({ type: expect.any(String) });
});

test('a document that was used of late is not read again', async () => {
  const documents = new Documents(schema);
  const query = '{ me { id } }';
  const first = documents.check({ query });
  for (let index = 0; index < 100; index += 1) documents.check({ query: `{ a${index}: me { id } }` });
  const judgeOften = () => {
    for (let index = 0; index < 1000; index += 1) expect(documents.check({ query })).toEqual(first);
  };
  expect(await leastCpu(500, judgeOften)).toBeLessThan(500);
  expect(LIMITS.tokens).toBe(1000);
});
