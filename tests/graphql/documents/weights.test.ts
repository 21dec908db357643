import { buildSchema, getOperationAST, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weightOf } from '../../../src/graphql/documents/weights.js';
import { schema } from '../../../src/graphql/schema/schema.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

const toy = buildSchema(`
  interface Event { seq: Int! }
  type Sent implements Event { seq: Int! text: String! who: Who! }
  type Joined implements Event { seq: Int! who: Who! }
  type Who { id: ID! name: String! }
  type Query { events: [Event!]! event: Event! }
`);

function weigh(query: string): number {
  const document = parse(query);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('There is no operation.');
  return weightOf(toy, document, operation, {});
}

describe('the weight of an operation', () => {
  it.each([
    ['{ event { seq } }', 2],
    ['{ events { seq } }', 1 + 10],
    ['{ event { seq ... on Sent { text who { id } } } }', 1 + 1 + 3],
    // Of the types the heaviest counts, and what is selected of one in several places is added up.
    ['{ event { seq ... on Sent { text } ... on Joined { who { id name } } } }', 1 + 1 + 3],
    ['{ event { ... on Sent { text } ... on Joined { who { id } } ... on Sent { who { id name } } } }', 1 + 1 + 3],
    ['{ event { ...S ... on Joined { seq } ...on Event { seq } } } fragment S on Sent { seq text }', 1 + 1 + 2],
    ['{ a: event { ... on Sent { text } } b: event { ... on Joined { seq } } }', 2 + 2],
  ])('of %s is %d', (query, weight) => {
    expect(weigh(query)).toBe(weight);
  });
});

describe('a client that asks every kind of event for its message', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  let app: GraphqlApp;

  beforeAll(async () => {
    services = await startOwnServices();
    app = await startGraphqlApp(services);
  });

  afterAll(async () => {
    await app.close();
    await services.close();
  });

  const user = 'id username firstName lastName';
  const short = `id seq content sender { ${user} }`;
  const message = `id seq content createdAt nonce revision editedAt deletedAt metadata mentionsAll pinnedAt sender { ${user} }
    mentions { ${user} } pinnedBy { ${user} } replyTo { ${short} } threadRoot { id seq }
    thread { replyCount lastReply { ${short} } participants { ${user} } viewer { following unread } }`;
  const kinds = Object.values(schema.getTypeMap())
    .filter((type) => 'getInterfaces' in type && type.getInterfaces().some(({ name }) => name === 'ChatEvent'))
    .filter((type) => 'getFields' in type && 'message' in type.getFields())
    .map(({ name }) => `... on ${name} { message { ...M } }`);
  const events = `__typename seq cursor at actor { ${user} } ${kinds.join(' ')}`;

  it('fits the limits of a page of the usual length and of a subscription', async () => {
    expect(kinds.length).toBeGreaterThan(5);
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, bob);
    const root = await services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi' });
    await services.messages.send(viewerOf(bob), {
      ...{ chatId: chat.id, content: 're', thread: root.id, replyTo: root.id },
      ...{ alsoInChat: true, mentions: [ann.id], metadata: { a: 1 } },
    });
    const token = await app.newToken(ann);
    const query = `query ($id: ID!, $after: String!) { chatEvents(chatId: $id, after: $after) { events { ${events} } } }
      fragment M on Message { ${message} }`;
    const variables = { id: chat.id, after: `${chat.epoch}:2` };
    const { data, errors } = await app.run(query, variables, { token });
    expect(errors).toEqual([]);
    expect(data).toMatchObject({
      chatEvents: {
        events: [
          {
            message: {
              thread: { replyCount: 1, participants: [{ id: bob.id }], viewer: { unread: 1, following: true } },
            },
          },
          {
            message: {
              content: 're',
              replyTo: { id: root.id },
              threadRoot: { id: root.id },
              thread: null,
              metadata: { a: 1 },
            },
          },
        ],
      },
    });
    const subscription = `subscription ($id: ID!, $after: String!) { chatEvents(chatId: $id, after: $after) { ${events} } }
      fragment M on Message { ${message} }`;
    const iterator = app.connect(token).iterate({ query: subscription, variables });
    expect((await iterator.next()).value).toMatchObject({ data: { chatEvents: { seq: 3, message: { id: root.id } } } });
    await iterator.return?.();
  });
});
