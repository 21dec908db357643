import type { FormattedExecutionResult } from 'graphql';
import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { countStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let admin: UserProfile;

beforeAll(async () => {
  // No probe in between: statements are counted, and the bus loses nothing here.
  services = await startOwnServices({ probeIntervalMs: 3_600_000 });
  app = await startGraphqlApp(services);
  ann = await services.newUser();
  admin = await services.newUser('admin');
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const EVENTS = `subscription Events($chatId: ID!, $after: String) { chatEvents(chatId: $chatId, after: $after) {
  __typename seq cursor actor { username }
  ... on MessageCreated { message { id content seq createdAt sender { id username firstName } chat { id } } }
  ... on MemberAdded { member { user { username } } }
  ... on MemberRemoved { user { username } } } }`;

const MESSAGES = `subscription Messages($chatId: ID!) { messageSent(chatId: $chatId) {
  id content seq createdAt nonce sender { id username firstName } chat { id cursor } } }`;

interface Fields {
  chatEvents?: { __typename: string; seq: number; message?: { content: string }; user?: { username: string } };
  messageSent?: { seq: number; content: string; nonce: string | null; chat: { cursor: string } };
}

/** One subscription, as its client hears it. */
function subscribe(client: Client, query: string, variables: Record<string, unknown>) {
  const results: AsyncIterableIterator<FormattedExecutionResult<Fields>> = client.iterate({ query, variables });
  const next = async () => {
    const { done, value } = await results.next();
    if (done) throw new Error('The subscription completed.');
    expect(value.errors).toBeUndefined();
    return value.data ?? {};
  };
  return {
    next,
    async take(count: number): Promise<Fields[]> {
      const taken: Fields[] = [];
      while (taken.length < count) taken.push(await next());
      return taken;
    },
    /** Resolves when the server completes it, with what came before. */
    async rest(): Promise<Fields[]> {
      const taken: Fields[] = [];
      for await (const { data } of results) taken.push(data ?? {});
      return taken;
    },
    /** The code of the error that ends it. */
    async refusal(): Promise<unknown> {
      const error: unknown = await results.next().then(
        ({ value }) => value,
        (reason: unknown) => reason,
      );
      return Array.isArray(error) ? error.map(({ extensions }) => extensions.code).join() : error;
    },
    stop: () => results.return?.(),
  };
}

const say = (user: UserProfile, chatId: string, content: string, nonce?: string) =>
  services.messages.send(viewerOf(user), { chatId, content, nonce });

/** Resolves when the server holds so many streams. */
async function streamsOpen(count: number): Promise<void> {
  await expect.poll(() => services.chatStreams.size).toBe(count);
}

describe('chatEvents', () => {
  test('brings the history after a cursor and then what happens, numbered without a gap', async () => {
    const chat = await services.newChat(ann);
    for (let index = 0; index < 20; index += 1) await say(ann, chat.id, `old ${index}`);
    const client = app.connect(await app.newToken(ann));
    const events = subscribe(client, EVENTS, { chatId: chat.id, after: `${chat.epoch}:0` });
    const sending = (async () => {
      for (let index = 0; index < 20; index += 1) await say(ann, chat.id, `new ${index}`);
    })();
    const taken = await events.take(41);
    await sending;
    expect(taken.map(({ chatEvents }) => chatEvents?.seq)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
    expect(taken[0]?.chatEvents?.__typename).toBe('MemberAdded');
    expect(taken[40]?.chatEvents).toMatchObject({ message: { content: 'new 19', chat: { id: chat.id } } });
    await client.dispose();
  });

  test('without a cursor begins with what happens from now on', async () => {
    const chat = await services.newChat(ann);
    await say(ann, chat.id, 'before');
    const client = app.connect(await app.newToken(ann));
    const events = subscribe(client, EVENTS, { chatId: chat.id });
    const next = events.next();
    await streamsOpen(1);
    await say(ann, chat.id, 'after');
    expect(await next).toMatchObject({ chatEvents: { seq: 3, message: { content: 'after' } } });
    await client.dispose();
  });

  test('completes after the removal of its viewer, which is its last event', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const events = subscribe(client, EVENTS, { chatId: chat.id, after: `${chat.epoch}:1` });
    const rest = events.rest();
    await streamsOpen(1);
    await say(ann, chat.id, 'hi');
    await services.memberships.remove(admin, chat.id, ann.id);
    await say(admin, chat.id, 'not for ann');
    const heard = await rest;
    expect(heard.map(({ chatEvents }) => chatEvents?.__typename)).toEqual(['MessageCreated', 'MemberRemoved']);
    await streamsOpen(0);
    await client.dispose();
  });

  test('fails with CURSOR_RESET for a cursor of another history and for a number not reached', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    for (const after of [`other:1`, `${chat.epoch}:99`])
      expect(await subscribe(client, EVENTS, { chatId: chat.id, after }).refusal()).toBe('CURSOR_RESET');
    await streamsOpen(0);
    await client.dispose();
  });

  test('fails with CURSOR_RESET when the history is replaced while it runs', async () => {
    const own = await startOwnServices({ probeIntervalMs: 50 });
    const ownApp = await startGraphqlApp(own);
    const user = await own.newUser();
    const chat = await own.newChat(user);
    const client = ownApp.connect(await ownApp.newToken(user));
    const refusal = subscribe(client, EVENTS, { chatId: chat.id }).refusal();
    await expect.poll(() => own.chatStreams.size).toBe(1);
    await own.chats.rotateEpoch();
    expect(await refusal).toBe('CURSOR_RESET');
    await ownApp.close();
    await own.close();
  });
});

describe('messageSent', () => {
  test('brings the messages from now on and nothing else; the nonce to its sender only', async () => {
    const bob = await services.newUser();
    const chat = await services.newChat(ann);
    const [annsClient, bobsClient] = [app.connect(await app.newToken(ann)), app.connect(await app.newToken(bob))];
    const anns = subscribe(annsClient, MESSAGES, { chatId: chat.id }).take(2);
    await streamsOpen(1);
    await say(ann, chat.id, 'one', 'n1');
    await services.memberships.add(admin, chat.id, bob.id);
    const bobs = subscribe(bobsClient, MESSAGES, { chatId: chat.id }).take(1);
    await streamsOpen(2);
    await say(ann, chat.id, 'two', 'n2');
    expect((await anns).map(({ messageSent }) => messageSent)).toMatchObject([
      { content: 'one', seq: 2, nonce: 'n1', chat: { cursor: `${chat.epoch}:2` } },
      { content: 'two', seq: 4, nonce: 'n2', chat: { cursor: `${chat.epoch}:4` } },
    ]);
    expect(await bobs).toMatchObject([{ messageSent: { content: 'two', nonce: null } }]);
    await Promise.all([annsClient.dispose(), bobsClient.dispose()]);
    await streamsOpen(0);
  });

  test('completes when its viewer is removed', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const rest = subscribe(client, MESSAGES, { chatId: chat.id }).rest();
    await streamsOpen(1);
    await services.memberships.remove(admin, chat.id, ann.id);
    expect(await rest).toEqual([]);
    await client.dispose();
  });
});

describe('a subscription is authorised when it starts', () => {
  test.each(['chatEvents', 'messageSent'])('%s', async (field) => {
    const stranger = await services.newUser();
    const chat = await services.newChat(ann);
    const query = `subscription ($chatId: ID!) { ${field}(chatId: $chatId) { __typename } }`;
    const refusal = async (user: UserProfile | null, chatId = chat.id, scopes: ('read' | 'write')[] = ['read']) => {
      const client = app.connect(await app.newToken(user, scopes));
      const code = await subscribe(client, query, { chatId }).refusal();
      await client.dispose();
      return code;
    };
    expect(await refusal(stranger)).toBe('NOT_FOUND');
    expect(await refusal(admin, crypto.randomUUID())).toBe('NOT_FOUND');
    expect(await refusal(ann, 'no uuid')).toBe('NOT_FOUND');
    expect(await refusal(ann, chat.id, ['write'])).toBe('FORBIDDEN');
    expect(await refusal(null)).toBe('FORBIDDEN');
    expect(services.chatStreams.size).toBe(0);
  });

  test('a malformed cursor is BAD_USER_INPUT', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    for (const after of ['', 'abc', 'abc:', 'abc:-1', 'abc:99999999999', '\ud800:1', '\0:1', 'x'.repeat(10_000)])
      expect(await subscribe(client, EVENTS, { chatId: chat.id, after }).refusal()).toBe('BAD_USER_INPUT');
    await client.dispose();
  });
});

describe('a subscription is authorised while it runs', () => {
  test('an admin who becomes a user keeps the chats that the user is a member of, and loses the others', async () => {
    const cid = await services.newUser('admin');
    const [own, others] = [await services.newChat(cid), await services.newChat(ann)];
    const client = app.connect(await app.newToken(cid));
    const kept = subscribe(client, EVENTS, { chatId: own.id });
    const [keptEvent, lost] = [kept.next(), subscribe(client, EVENTS, { chatId: others.id }).refusal()];
    await streamsOpen(2);
    await services.users.update(cid.id, { role: 'user' });
    expect(await lost).toBe('NOT_FOUND');
    await streamsOpen(1);
    await say(cid, own.id, 'still here');
    expect(await keptEvent).toMatchObject({ chatEvents: { message: { content: 'still here' } } });
    const rest = kept.rest();
    await services.memberships.remove(admin, own.id, cid.id);
    expect(await rest).toMatchObject([{ chatEvents: { __typename: 'MemberRemoved' } }]);
    await client.dispose();
  });

  test('a token without the scope read, renewed in place, ends what listens', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const refusal = subscribe(client, EVENTS, { chatId: chat.id }).refusal();
    await streamsOpen(1);
    const renewal = client.iterate({
      query: 'mutation ($token: String!) { reauthenticate(token: $token) }',
      variables: { token: await app.newToken(ann, ['write']) },
    });
    expect((await renewal.next()).value).toEqual({ data: { reauthenticate: true } });
    expect(await refusal).toBe('FORBIDDEN');
    await client.dispose();
  });

  test('the client that stops it leaves no stream behind', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const events = subscribe(client, EVENTS, { chatId: chat.id });
    const next = events.next().catch(() => {});
    await streamsOpen(1);
    await events.stop();
    await next;
    await streamsOpen(0);
    await client.dispose();
  });
});

describe('what an event costs', () => {
  test.each([
    ['chatEvents', EVENTS],
    ['messageSent', MESSAGES],
  ])('%s reads nothing from the database for an event', async (_field, query) => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const events = subscribe(client, query, { chatId: chat.id });
    const taken = events.take(11);
    await streamsOpen(1);
    await say(ann, chat.id, 'first');
    const statements = await countStatements(services, async () => {
      for (let index = 0; index < 10; index += 1) await say(ann, chat.id, `message ${index}`);
      await taken;
    });
    // Those of the sends, and perhaps one that runs in the background: far fewer than one more for each event.
    expect(statements).toBeLessThan(15);
    await client.dispose();
  });
});

describe('errors of an event', () => {
  test('come with their codes, and the stream goes on', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(ann));
    const query = `subscription ($chatId: ID!) { messageSent(chatId: $chatId) {
      content chat { members(first: 0) { joinedAt } } } }`;
    const results = client.iterate<Fields>({ query, variables: { chatId: chat.id } });
    const first = results.next();
    await streamsOpen(1);
    await say(ann, chat.id, 'one');
    const { value } = await first;
    expect(value).toMatchObject({
      data: null,
      errors: [{ path: ['messageSent', 'chat', 'members'], extensions: { code: 'BAD_USER_INPUT', field: 'first' } }],
    });
    await say(ann, chat.id, 'two');
    expect((await results.next()).value).toMatchObject({ data: null });
    await client.dispose();
  });
});
