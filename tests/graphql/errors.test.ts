import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../src/domain/viewer.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let token: string;
let chatId: string;

beforeEach(async () => {
  services = await startOwnServices({ probeIntervalMs: 3_600_000 });
  app = await startGraphqlApp(services);
  ann = await services.newUser();
  token = await app.newToken(ann);
  chatId = (await services.newChat(ann)).id;
});

afterEach(async () => {
  await app.close();
  // A test may have closed the database's connections itself.
  await services.close().catch(() => services.database.drop());
});

const QUERIES = {
  'raw SQL': () => `{ messages(chatId: "${chatId}") { id } }`,
  Prisma: () => '{ chats { name } }',
};

const masked = { message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR' } };

/** Over a socket: the answer, or the errors in its place. */
async function overSocket(query: string, before: () => Promise<unknown>): Promise<unknown> {
  const client = app.connect(token);
  await client.iterate({ query: '{ __typename }' }).next();
  await before();
  const answer = await client
    .iterate({ query })
    .next()
    .then(
      ({ value }) => value,
      (errors: unknown) => ({ errors }),
    );
  await client.dispose();
  return answer;
}

const breakSchema = () =>
  services.db.pool.query('ALTER TABLE messages RENAME TO elsewhere; ALTER TABLE chats RENAME COLUMN name TO title');

describe('an error of ours', () => {
  test.each(Object.entries(QUERIES))(
    'is masked over HTTP, and written down with its number (%s)',
    async (_name, query) => {
      await breakSchema();
      const { status, data, errors } = await app.run(query(), {}, { token });
      expect(status).toBe(200);
      expect(data).toBeNull();
      expect(errors).toMatchObject([masked]);
      const { requestId } = errors[0]?.extensions ?? {};
      const line = app.log.find((text) => text.includes('a GraphQL operation failed'));
      expect(line).toContain(`"requestId":"${requestId}"`);
      expect(line).toMatch(/elsewhere|messages|does not exist|not available/);
    },
  );

  test.each(Object.entries(QUERIES))('is masked over a socket (%s)', async (_name, query) => {
    expect(await overSocket(query(), breakSchema)).toMatchObject({ errors: [masked] });
  });

  test('is masked when a subscription cannot start', async () => {
    const query = `subscription { messageSent(chatId: "${chatId}") { id } }`;
    const broken = () => services.db.pool.query('ALTER TABLE chats RENAME COLUMN last_seq TO seq');
    expect(await overSocket(query, broken)).toMatchObject({ errors: [masked] });
  });

  test('is masked in an event of a subscription', async () => {
    const client = app.connect(token);
    const query = `subscription { messageSent(chatId: "${chatId}") { content chat { name } } }`;
    const next = client.iterate({ query }).next();
    await expect.poll(() => services.chatStreams.size).toBe(1);
    await services.db.pool.query('ALTER TABLE chats RENAME COLUMN name TO title');
    await services.messages.send(viewerOf(ann), { chatId, content: 'hi' });
    const { value } = await next;
    expect(value).toMatchObject({ errors: [{ ...masked, path: ['messageSent', 'chat', 'name'] }] });
    expect(value?.errors?.[0]?.extensions?.requestId).toEqual(expect.any(String));
    await client.dispose();
  });
});

describe('a database that is away', () => {
  const away = { extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: expect.any(Number) } };
  const stop = () => services.db.pool.end();

  test('is 503 with Retry-After for a request that needs it', async () => {
    await stop();
    const { status, headers, errors } = await app.run('{ me { id } }', {}, { token });
    expect({ status, errors }).toMatchObject({ status: 503, errors: [away] });
    expect(headers['retry-after']).toBe('1');
  });

  test.each(Object.entries(QUERIES))('is a retryable error of the field over a socket (%s)', async (_name, query) => {
    expect(await overSocket(query(), stop)).toMatchObject({ errors: [away] });
  });

  test('is a retryable error of a message that is sent', async () => {
    const query = `mutation { sendMessage(chatId: "${chatId}", content: "hi") { id } }`;
    expect(await overSocket(query, stop)).toMatchObject({ errors: [away] });
  });

  test('is a retryable error of a subscription that starts', async () => {
    const query = `subscription { chatEvents(chatId: "${chatId}") { seq } }`;
    expect(await overSocket(query, stop)).toMatchObject({ errors: [away] });
  });
});

describe('a refusal over a socket', () => {
  test.each([
    ['a document that is none', '{ me', {}, 'GRAPHQL_PARSE_FAILED'],
    ['a field that is none', '{ me { nickname } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a field that is none, of a subscription',
      'subscription { messageSent(chatId: "x") { no } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a variable that does not fit',
      'query ($n: Int) { messages(chatId: "x", last: $n) { id } }',
      { n: 'x' },
      'BAD_USER_INPUT',
    ],
    [
      'a variable that does not fit, of a subscription',
      'subscription ($id: ID!) { messageSent(chatId: $id) { id } }',
      {},
      'BAD_USER_INPUT',
    ],
    ['a chat that is not', '{ messages(chatId: "x") { id } }', {}, 'NOT_FOUND'],
    ['a chat that is not, of a subscription', 'subscription { messageSent(chatId: "x") { id } }', {}, 'NOT_FOUND'],
    ['what only admins may', '{ users { id } }', {}, 'FORBIDDEN'],
  ])('has its code and its text: %s', async (_name, query, variables, code) => {
    const client = app.connect(token);
    const answer = await client
      .iterate({ query, variables })
      .next()
      .then(
        ({ value }) => value?.errors,
        (errors: unknown) => errors,
      );
    expect(answer).toMatchObject([{ message: expect.stringMatching(/.{10}/), extensions: { code } }]);
    await client.dispose();
  });
});
