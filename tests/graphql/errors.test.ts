import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { toProfile } from '../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { startServices, type TestServices, viewerOf } from '../support/services.js';

let database: TestDatabase;
let services: TestServices;
let app: GraphqlApp;
let ann: UserProfile;
let token: string;
let chatId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

/** Each test breaks what is its own: services with connections of their own on one database. */
beforeEach(async () => {
  services = await startServices(database, undefined, { probeIntervalMs: 3_600_000 });
  app = await startGraphqlApp(services);
  const data = { id: crypto.randomUUID(), username: crypto.randomUUID() };
  ann = toProfile(await services.db.prisma.user.create({ data }));
  token = await app.newToken(ann);
  const chat = await services.chats.create(`chat ${crypto.randomUUID()}`);
  await services.memberships.add(null, chat.id, ann.id);
  chatId = chat.id;
});

afterEach(async () => {
  await app.close();
  // A test may have closed the database's connections itself.
  await services.close().catch(() => {});
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

const change = (sql: string) => services.db.pool.query(sql);
const breakSchema = () =>
  change('ALTER TABLE messages RENAME TO elsewhere; ALTER TABLE chats RENAME COLUMN name TO title');
const mendSchema = () =>
  change('ALTER TABLE elsewhere RENAME TO messages; ALTER TABLE chats RENAME COLUMN title TO name');

describe('an error of ours', () => {
  test.each(Object.entries(QUERIES))(
    'is masked over HTTP, and written down with its number (%s)',
    async (_name, query) => {
      await breakSchema();
      const { status, data, errors } = await app.run(query(), {}, { token });
      await mendSchema();
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
    const answer = await overSocket(query(), breakSchema);
    await mendSchema();
    expect(answer).toMatchObject({ errors: [masked] });
  });

  test('is masked when a subscription cannot start', async () => {
    const query = `subscription { messageSent(chatId: "${chatId}") { id } }`;
    const answer = await overSocket(query, () => change('ALTER TABLE chats RENAME COLUMN last_seq TO seq'));
    await change('ALTER TABLE chats RENAME COLUMN seq TO last_seq');
    expect(answer).toMatchObject({ errors: [masked] });
  });

  test('is masked in an event of a subscription', async () => {
    const client = app.connect(token);
    const query = `subscription { messageSent(chatId: "${chatId}") { content chat { name } } }`;
    const next = client.iterate({ query }).next();
    await expect.poll(() => services.chatStreams.size).toBe(1);
    await change('ALTER TABLE chats RENAME COLUMN name TO title');
    await services.messages.send(viewerOf(ann), { chatId, content: 'hi' });
    const { value } = await next;
    await change('ALTER TABLE chats RENAME COLUMN title TO name');
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
