import { once } from 'node:events';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { countStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { waitUntil } from '../../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
const open: AsyncIterableIterator<unknown>[] = [];

/** What these tests ask of an event, under whatever names. */
type Data = Record<string, Record<string, Record<string, Record<string, unknown>>>>;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
});

afterEach(async () => {
  for (const iterator of open.splice(0)) await iterator.return?.();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** The first event of a subscription, and with it that it has begun. */
async function listen(user: UserProfile, query: string, variables: Record<string, unknown>) {
  const iterator = app.connect(await app.newToken(user)).iterate<Data>({ query, variables });
  open.push(iterator);
  return async () => {
    const { value } = await iterator.next();
    return value;
  };
}

const subscription = (fields: string, more = '') =>
  `subscription ($id: ID!, $after: String${more}) { chatEvents(chatId: $id, after: $after) { seq ... on MessageCreated { message { ${fields} } } } }`;

async function newTalk() {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const chat = await services.newChat(ann, bob);
  const cursor = `${chat.epoch}:2`;
  const send = (user: UserProfile, nonce?: string, extras: SendExtras = {}) =>
    services.messages.send(viewerOf(user), { chatId: chat.id, content: 'hi', nonce, ...extras });
  return { ann, bob, chat, send, variables: { id: chat.id, after: cursor } };
}

describe('listeners of the same subscription', () => {
  it('each get their own view: the nonce goes to its sender only, whoever comes first', async () => {
    const { ann, bob, send, variables } = await newTalk();
    await send(ann, 'n1');
    await send(bob, 'n2');
    const query = subscription('nonce sender { username }');
    for (const [user, nonces] of [
      [ann, ['n1', null]],
      [bob, [null, 'n2']],
      [ann, ['n1', null]],
    ] as const) {
      const next = await listen(user, query, variables);
      const events = [await next(), await next()];
      expect(events.map(({ data }) => data.chatEvents.message.nonce)).toEqual(nonces);
    }
  });

  it('never see the nonce of another through a message that an event refers to', async () => {
    const { ann, bob, chat, send, variables } = await newTalk();
    const root = await send(ann, 'of ann');
    await send(bob, 'of bob', { replyTo: root.id, thread: root.id });
    const fragment = 'fragment N on Message { nonce }';
    const queries = [
      subscription('nonce replyTo { nonce } threadRoot { nonce thread { root { nonce } lastReply { nonce } } }'),
      `${subscription('...N replyTo { ...N } threadRoot { ...N thread { root { ...N } lastReply { ...N } } }')} ${fragment}`,
    ];
    for (const query of queries)
      for (const [user, anns, bobs] of [
        [ann, 'of ann', null],
        [bob, null, 'of bob'],
        [ann, 'of ann', null],
        [bob, null, 'of bob'],
      ] as const) {
        const next = await listen(user, query, { ...variables, after: `${chat.epoch}:3` });
        expect((await next()).data.chatEvents.message).toEqual({
          nonce: bobs,
          replyTo: { nonce: anns },
          threadRoot: { nonce: anns, thread: { root: { nonce: anns }, lastReply: { nonce: bobs } } },
        });
      }
  });

  it('each see what a thread is to them', async () => {
    const { ann, bob, chat, send, variables } = await newTalk();
    const root = await send(ann);
    await send(bob, undefined, { thread: root.id });
    const query = subscription('threadRoot { thread { viewer { unread following } } }');
    for (const [user, unread] of [
      [bob, 0],
      [ann, 1],
      [bob, 0],
    ] as const) {
      const next = await listen(user, query, { ...variables, after: `${chat.epoch}:3` });
      const { message } = (await next()).data.chatEvents;
      expect(message).toEqual({ threadRoot: { thread: { viewer: { unread, following: true } } } });
    }
  });

  it('get what the schema shows to each where that differs', async () => {
    const { ann, bob, send, variables } = await newTalk();
    await services.db.prisma.user.update({ where: { id: ann.id }, data: { email: 'ann@x.org' } });
    await send(ann);
    const query = subscription('sender { email }');
    const emails = [];
    for (const user of [bob, ann, bob]) {
      const { data } = await (await listen(user, query, variables))();
      emails.push(data.chatEvents.message.sender.email);
    }
    expect(emails).toEqual([null, 'ann@x.org', null]);
  });

  it('are told apart by the variables that matter, and not by where they started', async () => {
    const { ann, bob, chat, send } = await newTalk();
    await send(ann);
    const query = subscription('content @include(if: $text) seq', ', $text: Boolean!');
    const messages = [];
    for (const [user, after, text] of [
      [ann, 2, true],
      [bob, 2, false],
      [bob, 2, true],
    ] as const) {
      const next = await listen(user, query, { id: chat.id, after: `${chat.epoch}:${after}`, text });
      messages.push((await next()).data.chatEvents.message);
    }
    expect(messages).toEqual([{ content: 'hi', seq: 3 }, { seq: 3 }, { content: 'hi', seq: 3 }]);
  });

  it('keep the names that their own document gives to fields', async () => {
    const { ann, bob, send, variables } = await newTalk();
    await send(ann);
    const aliased =
      'subscription ($id: ID!, $after: String) { e: chatEvents(chatId: $id, after: $after) { n: seq, t: __typename } }';
    const plain = 'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq } }';
    const named =
      'subscription A($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { ...F } } fragment F on ChatEvent { seq at }';
    expect(await (await listen(ann, aliased, variables))()).toEqual({ data: { e: { n: 3, t: 'MessageCreated' } } });
    expect(await (await listen(bob, plain, variables))()).toEqual({ data: { chatEvents: { seq: 3 } } });
    expect(Object.keys((await (await listen(bob, named, variables))()).data.chatEvents)).toEqual(['seq', 'at']);
  });

  it('cost the database nothing, however many they are', async () => {
    const { ann, bob, send, variables } = await newTalk();
    const query = subscription('id content seq createdAt sender { id username firstName } chat { id }');
    const listeners = await Promise.all(Array.from({ length: 30 }, () => listen(bob, query, variables)));
    await send(ann);
    await Promise.all(listeners.map((next) => next()));
    const received = listeners.map((next) => next());
    const statements = await countStatements(services, async () => {
      await send(ann);
      await Promise.all(received);
    });
    // The send itself.
    expect(statements).toBe(1);
  });

  it
    .runIf(testDatabaseSource().kind === 'postgres')
    .each(['emoji users { username }', 'emoji mine users { username }'])(
    'get an event whole that the database could not answer for at first, as it is by then: { reactions { %s } }',
    async (fields) => {
      const { ann, chat, send, variables } = await newTalk();
      const { id } = await send(ann);
      await services.reactions.add(viewerOf(ann), { chatId: chat.id, messageId: id, emoji: '👍' });
      await waitUntil('the reaction is summarised', 10_000, async () => {
        const [message] = await services.chatLog.messages(chat.id, { last: 1 });
        return message?.extras?.reactions.length === 1;
      });
      const blocker = new pg.Client({ connectionString: services.database.url });
      await blocker.connect();
      await blocker.query('BEGIN; LOCK TABLE reactions IN ACCESS EXCLUSIVE MODE');
      // A connection whose statement was late is destroyed.
      const late = once(services.db.pool, 'remove');
      const query = subscription(`content reactions { ${fields} }`);
      const leaving = app.connect(await app.newToken(ann)).iterate({ query, variables });
      void leaving.next();
      const next = await listen(ann, query, variables);
      const first = next();
      await late;
      // Whoever listened first leaves, and the message becomes another one, while the event waits.
      await leaving.return?.();
      const edit = { chatId: chat.id, messageId: id, content: 'ho' };
      await services.messageChanges.edit(await services.newViewer(ann), edit);
      await blocker.end();
      const mine = fields.includes('mine') && { mine: true };
      expect(await first).toEqual({
        data: {
          chatEvents: {
            seq: 3,
            message: { content: 'ho', reactions: [{ emoji: '👍', ...mine, users: [{ username: ann.username }] }] },
          },
        },
      });
    },
  );

  it('end without a trace while events are on their way', async () => {
    const { ann, bob, send, variables } = await newTalk();
    const before = services.chatStreams.size;
    const next = await listen(bob, subscription('content'), variables);
    await send(ann);
    await next();
    expect(services.chatStreams.size).toBe(before + 1);
    await services.memberships.remove(null, variables.id, bob.id);
    expect((await next()).data.chatEvents.seq).toBe(4);
    expect(await next()).toBeUndefined();
    expect(services.chatStreams.size).toBe(before);
  });
});
