import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { ChatSignal } from '../../../src/domain/signals.js';
import { countStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({
    probeIntervalMs: 3_600_000,
    presenceTimes: { batchMs: 40, lingerMs: 100 },
  });
  app = await startGraphqlApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const SIGNALS = `subscription Signals($chatId: ID!) { chatSignals(chatId: $chatId) { __typename
  ... on TypingSignal { user { id username } thread } ... on ReceiptSignal { reads { user { username } seq } } } }`;
const PRESENCE = 'subscription Presence($ids: [ID!]!) { presence(userIds: $ids) { userId status lastActiveAt } }';

type Results = AsyncIterableIterator<{ data?: Record<string, unknown> | null; errors?: readonly unknown[] }>;

function subscribe(client: Client, query: string, variables: Record<string, unknown>): Results {
  return client.iterate({ query, variables });
}

const next = async (results: Results) => {
  const { done, value } = await results.next();
  return done ? 'complete' : (value.errors ?? Object.values(value.data ?? {})[0]);
};

/** Resolves when the server holds so many streams. */
const streamsOpen = (count: number) => expect.poll(() => services.chatStreams.size).toBe(count);

describe('chatSignals', () => {
  test('has who is typing and what was read, and no event of the chat', async () => {
    const chat = await services.newChat(ann, bob);
    const client = app.connect(await app.newToken(bob));
    const results = subscribe(client, SIGNALS, { chatId: chat.id });
    const first = next(results);
    await streamsOpen(1);
    await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi' });
    const thread = crypto.randomUUID();
    const typing = 'mutation ($chatId: ID!, $thread: ID) { setTyping(chatId: $chatId, thread: $thread) }';
    const token = await app.newToken(ann);
    const told = await app.run(typing, { chatId: chat.id, thread }, { token });
    const again = await app.run(typing, { chatId: chat.id }, { token });
    expect([told.data, again.data]).toEqual([{ setTyping: true }, { setTyping: false }]);
    expect(await first).toEqual({
      __typename: 'TypingSignal',
      user: { id: ann.id, username: ann.username },
      thread,
    });
    services.receipts.read({ chatId: chat.id, userId: ann.id, seq: 3 });
    services.receipts.read({ chatId: chat.id, userId: crypto.randomUUID(), seq: 3 });
    expect(await next(results)).toEqual({
      __typename: 'ReceiptSignal',
      // Who does not exist any more is left out.
      reads: [{ user: { username: ann.username }, seq: 3 }],
    });
    await client.dispose();
    await streamsOpen(0);
  });

  test('tells what a member marks as read, and nothing of a marker that does not move', async () => {
    const chat = await services.newChat(ann, bob);
    const client = app.connect(await app.newToken(bob));
    const results = subscribe(client, SIGNALS, { chatId: chat.id });
    const first = next(results);
    await streamsOpen(1);
    const read = 'mutation ($chatId: ID!, $seq: Int!) { markRead(chatId: $chatId, seq: $seq) { readSeq } }';
    const token = await app.newToken(ann);
    for (const seq of [1, 2, 1]) expect((await app.run(read, { chatId: chat.id, seq }, { token })).codes).toEqual([]);
    const told = [await first];
    // The second marker may have been written after the first was told.
    if (JSON.stringify(told).includes('"seq":1')) told.push(await next(results));
    expect(told.at(-1)).toEqual({
      __typename: 'ReceiptSignal',
      reads: [{ user: { username: ann.username }, seq: 2 }],
    });
    await client.dispose();
    await streamsOpen(0);
  });

  test('is executed once for all its listeners', async () => {
    const chat = await services.newChat(ann, bob);
    const client = app.connect(await app.newToken(bob));
    const all = Array.from({ length: 10 }, () => subscribe(client, SIGNALS, { chatId: chat.id }));
    const heard = all.map(next);
    await streamsOpen(10);
    const typing: ChatSignal = { type: 'typing', user: ann, thread: null };
    services.signals.publish(chat.id, typing);
    await Promise.all(heard);
    const statements = await countStatements(services, async () => {
      services.signals.publish(chat.id, { type: 'receipts', reads: [{ userId: ann.id, seq: 1 }] });
      await Promise.all(all.map(next));
    });
    expect(statements).toBe(1);
    await client.dispose();
    await streamsOpen(0);
  });

  test('completes when its viewer is removed, and has nothing after that', async () => {
    const chat = await services.newChat(ann, bob);
    const client = app.connect(await app.newToken(bob));
    const results = subscribe(client, SIGNALS, { chatId: chat.id });
    const first = next(results);
    await streamsOpen(1);
    await services.memberships.remove(null, chat.id, bob.id);
    services.signals.publish(chat.id, { type: 'typing', user: ann, thread: null });
    expect(await first).toBe('complete');
    await client.dispose();
  });

  test('ends when an admin who is no member is an admin no more', async () => {
    const chat = await services.newChat(ann);
    const admin = await services.newUser('admin');
    // Two, since the last admin stays one.
    await services.newUser('admin');
    const client = app.connect(await app.newToken(admin));
    const results = subscribe(client, SIGNALS, { chatId: chat.id });
    const first = next(results);
    await streamsOpen(1);
    services.signals.publish(chat.id, { type: 'typing', user: ann, thread: null });
    expect(await first).toMatchObject({ user: { id: ann.id } });
    await services.users.update(admin.id, { role: 'user' });
    await expect(next(results)).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    await client.dispose();
  });

  test('is refused to who may not read the chat', async () => {
    const chat = await services.newChat(ann);
    const client = app.connect(await app.newToken(bob));
    const results = subscribe(client, SIGNALS, { chatId: chat.id });
    await expect(next(results)).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    await client.dispose();
  });
});

describe('presence', () => {
  test('begins with what is so, and goes on with what changes', async () => {
    await services.newChat(ann, bob);
    const stranger = await services.newUser();
    const client = app.connect(await app.newToken(bob));
    const results = subscribe(client, PRESENCE, { ids: [ann.id, stranger.id, bob.id, ann.id] });
    expect(await next(results)).toMatchObject({ userId: ann.id, status: 'offline' });
    // One’s own socket counts at once.
    expect(await next(results)).toMatchObject({ userId: bob.id, status: 'online' });
    const socket = app.connect(await app.newToken(ann));
    const chat = await services.newChat(ann);
    void next(subscribe(socket, SIGNALS, { chatId: chat.id }));
    expect(await next(results)).toMatchObject({ userId: ann.id, status: 'online', lastActiveAt: expect.any(String) });
    const token = await app.newToken(ann);
    const choice = 'mutation ($status: PresenceChoice!) { setPresence(status: $status) { status } }';
    const away = await app.run(choice, { status: 'away' }, { token });
    expect(away.data).toEqual({ setPresence: { status: 'away' } });
    expect(await next(results)).toMatchObject({ userId: ann.id, status: 'away' });
    const invisible = await app.run(choice, { status: 'invisible' }, { token });
    expect(invisible.data).toEqual({ setPresence: { status: 'online' } });
    expect(await next(results)).toMatchObject({ userId: ann.id, status: 'offline' });
    await socket.dispose();
    await client.dispose();
  });

  test('can be asked for once, of at most a hundred users', async () => {
    await services.newChat(ann, bob);
    const stranger = await services.newUser();
    const query = 'query ($ids: [ID!]!) { presence(userIds: $ids) { userId status } }';
    const token = await app.newToken(bob);
    const { data } = await app.run(query, { ids: [stranger.id, ann.id, 'nobody', ann.id] }, { token });
    expect(data).toEqual({ presence: [{ userId: ann.id, status: expect.any(String) }] });
    const ids = Array.from({ length: 101 }, () => crypto.randomUUID());
    const { codes, errors } = await app.run(query, { ids }, { token });
    expect([codes, errors[0]?.extensions.field]).toEqual([['BAD_USER_INPUT'], 'userIds']);
  });

  test('is refused as a subscription for more than a hundred users', async () => {
    const client = app.connect(await app.newToken(bob));
    const ids = Array.from({ length: 101 }, () => crypto.randomUUID());
    await expect(next(subscribe(client, PRESENCE, { ids }))).rejects.toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', field: 'userIds' } },
    ]);
    await client.dispose();
  });
});
