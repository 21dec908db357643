import fc from 'fast-check';
import {
  execute,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  parse,
  validate,
} from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EventLoopTurns } from '../../../src/graphql/documents/event-loop-turns.js';
import { OperationBudget } from '../../../src/graphql/documents/operation-budget.js';
import type { GraphqlContext, PlainList } from '../../../src/graphql/schema/context.js';
import { type PlainValue, plainList, plainValue, putPlainLists } from '../../../src/graphql/schema/plain-lists.js';
import { selectsOnly } from '../../../src/graphql/schema/selections.js';
import { fewestStatements, type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { assertProperty } from '../../support/property.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

/** What may go wrong with an item is in the item. */
interface Item {
  id: unknown;
  count: unknown;
  note: unknown;
  guard: 'yes' | 'no' | 'later';
  owner: { name: unknown } | null | undefined;
  friends: { name: unknown }[];
}

/** A value that is known here as long as nothing but its id is asked for. */
const ONLY_ID: PlainValue<Item> = {
  of: ({ id, guard }) => ({ id, guard }),
  isFor: (selectionSet, fragments) =>
    selectionSet !== undefined && selectsOnly(selectionSet, new Set(['id']), fragments),
};

/** The items that their guard was asked about. */
const asked: Item[] = [];
afterEach(() => asked.splice(0));

const required = (type: GraphQLScalarType) => new GraphQLNonNull(type);

/** Its type does not say what the guard goes by: the guard is asked about each. */
const Owner = new GraphQLObjectType<{ name: unknown }, GraphqlContext>({
  name: 'Owner',
  isTypeOf: ({ name }) => name !== 'nobody',
  fields: { name: { type: required(GraphQLString) } },
});

const ItemType: GraphQLObjectType<Item, GraphqlContext> = new GraphQLObjectType<Item, GraphqlContext>({
  name: 'Item',
  isTypeOf: (item) => {
    asked.push(item);
    return item.guard === 'later' ? Promise.resolve(true) : item.guard === 'yes';
  },
  extensions: { guardedBy: ({ guard }: Item) => guard },
  fields: () => ({
    id: { type: required(GraphQLID) },
    count: { type: required(GraphQLInt) },
    note: { type: GraphQLString },
    owner: { type: Owner },
    marked: { type: GraphQLString, resolve: ({ note }) => note, extensions: { plain: true } },
    asked: { type: GraphQLString, resolve: async ({ note }) => note },
    counted: { type: GraphQLInt, args: { by: { type: GraphQLInt } }, resolve: ({ count }, { by }) => by ?? count },
    self: { type: new GraphQLNonNull(ItemType), resolve: (item) => item },
    owners: { type: new GraphQLList(Owner), resolve: ({ owner }) => [owner] },
    friends: {
      type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(Owner))),
      resolve: ({ friends }) => friends,
      extensions: { plain: plainValue(({ friends }: Item) => friends) },
    },
    likeness: { type: ItemType, resolve: (item) => item, extensions: { plain: ONLY_ID } },
  }),
});

/** A schema whose list is completed by graphql alone, or by what is tested where it can. */
function schemaOf(items: readonly Item[], isTested: boolean) {
  const list = new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(ItemType)));
  return new GraphQLSchema({
    query: new GraphQLObjectType<unknown, GraphqlContext>({
      name: 'Query',
      fields: {
        items: {
          type: list,
          resolve: (_root, _args, context, info) => (isTested ? plainList([...items], context, info) : items),
        },
        other: { type: GraphQLString, resolve: () => 'other' },
        wrong: { type: required(GraphQLString), resolve: () => null },
      },
    }),
  });
}

async function answer(items: readonly Item[], source: string, isTested: boolean) {
  const schema = schemaOf(items, isTested);
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  const contextValue: { plainLists: PlainList[]; budget: OperationBudget } = {
    plainLists: [],
    budget: new OperationBudget(new EventLoopTurns()),
  };
  const result = await execute({ schema, document, contextValue, variableValues: { yes: true, no: false } });
  putPlainLists(result, contextValue);
  return {
    text: JSON.stringify(result),
    plain: contextValue.plainLists.length,
    spent: contextValue.budget.spentFields,
  };
}

const good: Item = {
  id: 'a',
  count: 1,
  note: null,
  guard: 'yes',
  owner: { name: 'Ann' },
  friends: [{ name: 'Bob' }, { name: 'Cy' }],
};

const crowded: Item = { ...good, friends: Array.from({ length: 2500 }, (_, n) => ({ name: `friend ${n}` })) };

describe('a list is completed here', () => {
  it.each([
    ['plain fields', '{ items { id count note } }'],
    ['an alias', '{ all: items { key: id } }'],
    ['a field that is marked', '{ items { marked } }'],
    ['an object', '{ items { owner { name } } }'],
    ['its type', '{ items { __typename id } }'],
    ['a list in it that is marked', '{ items { id friends { name } } }'],
    [
      'what is known of an object, and no more is asked for',
      '{ items { likeness { ...key } } } fragment key on Item { id }',
    ],
    [
      'fragments',
      '{ items { ... { id } ... on Item { count } ...rest } } fragment rest on Item { note owner { name } }',
    ],
    ['another field beside it', '{ other items { id } }'],
    ['two lists', '{ one: items { id } two: items { count } }'],
  ])('for %s', async (_what, source) => {
    const items = [good, { ...good, id: 'b', owner: null, note: 'n' }];
    const tested = await answer(items, source, true);
    expect(tested.plain).toBeGreaterThan(0);
    expect(tested.text).toBe((await answer(items, source, false)).text);
  });

  it('and charged with the lists in it', async () => {
    const { spent } = await answer([good, { ...good, friends: [] }, good], '{ items { id friends { name } } }', true);
    expect(spent).toBe(3 * 2 + 2 * 2);
  });

  it('also when it is empty', async () => {
    expect(await answer([], '{ items { id } }', true)).toMatchObject({ text: '{"data":{"items":[]}}', plain: 1 });
  });

  it('with one question to the guard for neighbours of which it says the same', async () => {
    const items = ['a', 'b', 'c'].map((id) => ({ ...good, id }));
    expect(await answer(items, '{ items { id } }', true)).toMatchObject({ plain: 1 });
    expect(asked).toEqual([items[0]]);
  });

  it('and is not in an answer that another field has made null', async () => {
    const { text } = await answer([good], '{ items { id } wrong }', true);
    expect(JSON.parse(text)).toMatchObject({ data: null });
  });
});

describe('a list is left to graphql', () => {
  it.each([
    ['a field that asks', '{ items { id asked } }', good],
    ['arguments', '{ items { counted(by: 2) } }', good],
    ['an argument left out', '{ items { counted } }', good],
    ['a list in it', '{ items { owners { name } } }', good],
    [
      'the guard of an item of a list in it',
      '{ items { friends { name } } }',
      { ...good, friends: [{ name: 'nobody' }] },
    ],
    ['lists in it that are too long for one turn', '{ items { friends { a: name b: name } } }', crowded],
    ['more of an object than is known', '{ items { likeness { id note } } }', good],
    ['a field named twice', '{ items { id id } }', good],
    ['a list named twice', '{ items { id } items { count } }', good],
    ['a key that objects treat apart', '{ items { __proto__: id } }', good],
    ['a condition', 'query ($yes: Boolean!) { items { id count @skip(if: $yes) } }', good],
    ['a guard that has to ask', '{ items { id } }', { ...good, guard: 'later' as const }],
    ['a guard that refuses', '{ items { id } }', { ...good, guard: 'no' as const }],
    ['the guard of an object in it', '{ items { id owner { name } } }', { ...good, owner: { name: 'nobody' } }],
    ['a value that is missing', '{ items { id } }', { ...good, id: undefined }],
    ['a value that does not fit', '{ items { count } }', { ...good, count: 'many' }],
    ['an error in place of a value', '{ items { note } }', { ...good, note: new Error('lost') }],
  ])('for %s', async (_what, source, item) => {
    const tested = await answer([good, item], source, true);
    expect(tested.plain).toBe(0);
    expect(tested.text).toBe((await answer([good, item], source, false)).text);
  });
});

/** Selections of `Item`, mostly of plain fields. None waits: graphql leaves promises behind when one of a list fails at once. */
const { selection } = fc.letrec<{ field: string; selection: string }>((tie) => ({
  field: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('id', 'count', 'note', 'marked', '__typename', 'owner { name }') },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...(['a: id', 'b: note', 'owner { n: name }', 'owner { ...named }', '...rest'] as const),
        ...(['friends { name }', 'friends { ...named }', 'likeness { id }', 'likeness { note }'] as const),
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('counted', 'owners { name }', 'id @skip(if: $no)') },
    { weight: 2, arbitrary: tie('selection').map((inner) => `... on Item ${inner}`) },
    { weight: 1, arbitrary: tie('selection').map((inner) => `self ${inner}`) },
  ),
  selection: fc.array(tie('field'), { minLength: 1, maxLength: 5 }).map((fields) => `{ ${fields.join(' ')} }`),
}));

const items = fc.array(
  fc.record({
    id: fc.oneof({ weight: 9, arbitrary: fc.string() }, { weight: 1, arbitrary: fc.constantFrom(null, 1.5, {}) }),
    count: fc.oneof({ weight: 9, arbitrary: fc.integer() }, { weight: 1, arbitrary: fc.constantFrom(2 ** 40, null) }),
    note: fc.oneof(fc.string(), fc.constantFrom(null, undefined, 7, true)),
    guard: fc.oneof(
      { weight: 30, arbitrary: fc.constant('yes' as const) },
      { weight: 1, arbitrary: fc.constant('no' as const) },
    ),
    owner: fc.oneof(fc.constant(null), fc.record({ name: fc.oneof(fc.string(), fc.constant('nobody')) })),
    friends: fc.array(fc.record({ name: fc.oneof({ weight: 9, arbitrary: fc.string() }, fc.constant('nobody')) }), {
      maxLength: 3,
    }),
  }),
  { maxLength: 3 },
);

it('is what graphql makes of it, whatever is selected and whatever the items hold', {
  retry: 0,
  timeout: 120_000,
}, async () => {
  let plain = 0;
  await assertProperty(
    fc.asyncProperty(items, selection, async (values, selected) => {
      const uses = (name: string) => selected.includes(name);
      const source = `query${uses('$no') ? ' ($no: Boolean!)' : ''} { items ${selected} other }
        ${uses('...rest') ? 'fragment rest on Item { count key: id }' : ''}
        ${uses('...named') ? 'fragment named on Owner { name }' : ''}`;
      const tested = await answer(values, source, true);
      plain += tested.plain;
      expect(tested.text).toBe((await answer(values, source, false)).text);
    }),
    { numRuns: 2000 },
  );
  expect(plain).toBeGreaterThan(200);
});

describe('messages', () => {
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

  it('look the same whichever way they were completed', async () => {
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, bob);
    for (const sender of [ann, bob, ann])
      await services.messages.send(viewerOf(sender), { chatId: chat.id, content: '"a"\n😀', nonce: `by ${sender.id}` });
    const fields = 'id seq content createdAt nonce sender { id username firstName lastName role dateJoined }';
    const { data, codes } = await app.run(
      `query ($id: ID!) {
        plain: messages(chatId: $id) { ${fields} }
        conditional: messages(chatId: $id) { ${fields.replace('id', 'id @include(if: true)')} }
        deep: messages(chatId: $id) { id chat { id } }
      }`,
      { id: chat.id },
      { token: await app.newToken(ann) },
    );
    expect(codes).toEqual([]);
    expect(data?.plain).toHaveLength(2);
    expect(JSON.stringify(data?.plain)).toBe(JSON.stringify(data?.conditional));
    expect(data?.deep).toMatchObject([{ chat: { id: chat.id } }, { chat: { id: chat.id } }]);
  });

  it('with all that a message can have look the same, and take no statement for each kind', async () => {
    const [ann, bob] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, bob);
    const chatId = chat.id;
    const send = (content: string, more: object = {}) =>
      services.messages.send(viewerOf(ann), { chatId, content, ...more });
    const first = await send('first', { metadata: { a: [null, 1] }, mentions: [bob.id, ann.id] });
    const quoting = await send('quoting', { replyTo: first.id });
    const reply = await send('reply', { thread: first.id, alsoInChat: true, mentions: [bob.id] });
    const gone = await send('gone', { nonce: 'gone' });
    await send('plain');
    await services.messageChanges.edit(await services.newViewer(ann), {
      ...{ chatId, messageId: quoting.id, content: 'quoted', mentions: [ann.id] },
    });
    await services.reactions.add(viewerOf(bob), { chatId, messageId: quoting.id, emoji: '👍' });
    const admin = await services.newViewer(await services.newUser('admin'));
    await services.messageChanges.pin(admin, { chatId, messageId: reply.id });
    await services.messageChanges.delete(admin, { chatId, messageId: gone.id });
    const fields = `id seq content nonce revision editedAt deletedAt metadata mentions { id username } mentionsAll alsoInChat
      replyTo { id seq } reactions { emoji count } pinnedAt pinnedBy { id username role } sender { username }`;
    const token = await app.newToken(ann);
    const page = (asked: string) =>
      app.run(`query ($id: ID!) { messages(chatId: $id, deleted: true) { ${asked} } }`, { id: chatId }, { token });
    const [plain, conditional] = [await page(fields), await page(fields.replace('id', 'id @include(if: true)'))];
    expect(plain.codes).toEqual([]);
    expect(plain.data?.messages).toHaveLength(5);
    expect(plain.data?.messages).toMatchObject([
      { metadata: { a: [null, 1] }, mentions: [{ id: bob.id }, { id: ann.id }] },
      {
        replyTo: { id: first.id, seq: first.seq },
        revision: 1,
        mentions: [{ id: ann.id }],
        reactions: [{ emoji: '👍', count: 1 }],
      },
      { alsoInChat: true, pinnedBy: { id: admin.user?.id } },
      { content: '', nonce: null, deletedAt: expect.any(String) },
      { content: 'plain', reactions: [], mentions: [], replyTo: null },
    ]);
    expect(JSON.stringify(plain.data)).toBe(JSON.stringify(conditional.data));
    const plainStatements = await fewestStatements(services, () => page('id content sender { username }'));
    expect(await fewestStatements(services, () => page(fields))).toBe(plainStatements);
  });

  it('go to the operation that asked, over a socket as well', async () => {
    const ann = await services.newUser();
    const chats = await Promise.all(Array.from({ length: 5 }, () => services.newChat(ann)));
    for (const { id } of chats) await services.messages.send(viewerOf(ann), { chatId: id, content: `in ${id}` });
    const socket = app.connect(await app.newToken(ann));
    const ask = async (chatId: string) => {
      const query = 'query ($id: ID!) { messages(chatId: $id) { content } }';
      for await (const { data } of socket.iterate({ query, variables: { id: chatId } })) return data;
    };
    const answers = await Promise.all(chats.map(({ id }) => ask(id)));
    expect(answers).toEqual(chats.map(({ id }) => ({ messages: [{ content: `in ${id}` }] })));
  });
});
