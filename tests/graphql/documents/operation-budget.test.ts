import { getNullableType, isInterfaceType, isIntrospectionType, isListType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import {
  MAX_MENTIONS,
  MAX_REACTION_EMOJI,
  MAX_SUMMARY_USERS,
  NO_EXTRAS,
} from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { Documents } from '../../../src/graphql/documents/documents.js';
import { EventLoopTurns } from '../../../src/graphql/documents/event-loop-turns.js';
import { LIMITS } from '../../../src/graphql/documents/limits.js';
import { EVENT_BUDGET, OperationBudget } from '../../../src/graphql/documents/operation-budget.js';
import { schema } from '../../../src/graphql/schema/schema.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let member: UserProfile;
let chat: { id: string; epoch: string };
let token: string;

const MEMBERS = 120;
/** The longest content there may be: 4000 characters, two code units and four bytes each. */
const LONGEST = '\u{1F600}'.repeat(4000);

beforeAll(async () => {
  services = await startOwnServices({ probeIntervalMs: 3_600_000 });
  app = await startGraphqlApp(services);
  const users = await Promise.all(Array.from({ length: MEMBERS }, () => services.newUser()));
  const [first] = users;
  if (!first) throw new Error('There is no member.');
  member = first;
  chat = await services.newChat(...users);
  for (let index = 0; index < 100; index += 1)
    await services.messages.send(viewerOf(member), { chatId: chat.id, content: LONGEST });
  token = await app.newToken(member);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** Lists of members within lists of members, so many levels. */
function nested(levels: number): string {
  let selection = '{ joinedAt }';
  for (let level = 0; level < levels; level += 1) selection = `{ chat { members ${selection} } }`;
  return `{ chat(id: "${chat.id}") { members ${selection} } }`;
}

describe('what an operation answers with', () => {
  it('is as long as it is, and within the budget', async () => {
    const { data } = await app.run(nested(0), {}, { token });
    expect(data).toMatchObject({ chat: { members: { length: MEMBERS } } });
    const twice = await app.run(nested(1), {}, { token });
    expect(twice.codes).toEqual([]);
    expect(JSON.stringify(twice.data).split('joinedAt').length - 1).toBe(MEMBERS ** 2);
  });

  it('has one error and no data when lists within lists use it up', async () => {
    const before = process.memoryUsage().rss;
    const { data, errors, status } = await app.run(nested(2), {}, { token });
    expect(status).toBe(200);
    expect(data).toBeNull();
    expect(errors).toEqual([
      {
        message: expect.stringContaining(`${LIMITS.complexity} fields`),
        extensions: { code: 'BAD_USER_INPUT', field: 'query' },
      },
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('has no more characters of messages than are allowed, under whatever aliases', async () => {
    const page = (index: number) => `m${index}: messages(chatId: "${chat.id}", last: 100) { seq content }`;
    expect((await app.run(`{ ${page(0)} }`, {}, { token })).codes).toEqual([]);
    const pages = await app.run(
      `{ ${Array.from({ length: 20 }, (_, index) => page(index)).join(' ')} }`,
      {},
      { token },
    );
    expect(pages).toMatchObject({ data: null, codes: ['BAD_USER_INPUT'] });
    const aliases = Array.from({ length: 18 }, (_, index) => `c${index}: content`).join(' ');
    const copies = await app.run(`{ messages(chatId: "${chat.id}", last: 100) { ${aliases} } }`, {}, { token });
    expect(copies).toMatchObject({ data: null, codes: ['BAD_USER_INPUT'] });
  });

  it('counts messages that were read and not asked for', async () => {
    const page = (index: number) => `m${index}: messages(chatId: "${chat.id}", last: 100) { seq }`;
    const pages = await app.run(
      `{ ${Array.from({ length: 20 }, (_, index) => page(index)).join(' ')} }`,
      {},
      { token },
    );
    expect(pages).toMatchObject({ data: null, codes: ['BAD_USER_INPUT'] });
  });
});

describe('a subscription', () => {
  const MANY = Array.from({ length: 60 }, (_, index) => `m${index}: members(first: 60) { joinedAt }`).join(' ');

  it('that asks for more than an event may cost is refused', () => {
    const query = `subscription { messageSent(chatId: "x") { chat { ${MANY} } } }`;
    expect(new Documents(schema).check({ query })).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    });
  });

  it('with a list counts as much as one event may cost', () => {
    const check = (query: string) => new Documents(schema).check({ query });
    expect(check('subscription { messageSent(chatId: "x") { chat { members { joinedAt } } } }')).toMatchObject({
      weight: LIMITS.subscription,
    });
    expect(check('subscription { messageSent(chatId: "x") { content } }')).toMatchObject({ weight: 2 });
  });

  it('whose event turns out too large is told so, and goes on', async () => {
    const client = app.connect(token);
    const query = `subscription { messageSent(chatId: "${chat.id}") { seq chat { members { a: joinedAt b: joinedAt c: joinedAt
      d: joinedAt e: joinedAt } } } }`;
    const results = client.iterate({ query });
    const first = results.next();
    await expect.poll(() => services.chatStreams.size).toBe(1);
    await services.messages.send(viewerOf(member), { chatId: chat.id, content: 'one' });
    expect((await first).value).toMatchObject({
      data: null,
      errors: [{ message: expect.stringContaining(`${EVENT_BUDGET.fields} fields`) }],
    });
    await services.messages.send(viewerOf(member), { chatId: chat.id, content: 'two' });
    expect((await results.next()).value).toMatchObject({ data: null });
    await client.dispose();
  });

  it("is refused when its user's open ones come to too much, and let in when one of them has ended", async () => {
    const client = app.connect(token);
    const query = `subscription { messageSent(chatId: "${chat.id}") { chat { members(first: 1) { joinedAt } } } }`;
    const most = 10_000 / LIMITS.subscription;
    const open = Array.from({ length: most }, () => client.iterate({ query }));
    for (const each of open) void each.next();
    await expect.poll(() => services.chatStreams.size).toBe(most);
    // Over another socket of the same user too.
    const other = app.connect(token);
    await expect(other.iterate({ query }).next()).rejects.toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    await open[0]?.return?.();
    await expect.poll(() => services.chatStreams.size).toBe(most - 1);
    const late = other.iterate({ query });
    const event = late.next();
    await expect.poll(() => services.chatStreams.size).toBe(most);
    await services.messages.send(viewerOf(member), { chatId: chat.id, content: 'for all' });
    expect((await event).value).toMatchObject({ data: { messageSent: { chat: { members: { length: 1 } } } } });
    await client.dispose();
    await other.dispose();
  });
});

test('every list of the schema is charged to the budget of its operation', () => {
  const lists: string[] = [];
  const budgeted: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!(isObjectType(type) || isInterfaceType(type)) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields()))
      if (isListType(getNullableType(field.type))) {
        lists.push(`${type.name}.${field.name}`);
        if (field.extensions.spendsBudget === true) budgeted.push(`${type.name}.${field.name}`);
      }
  }
  expect(lists.length).toBeGreaterThan(0);
  expect(lists).toEqual(budgeted);
});

describe('long work', () => {
  it('is done in parts, between which others have a turn', async () => {
    const budget = new OperationBudget(new EventLoopTurns());
    const items = Array.from({ length: 5000 }, (_, index) => index);
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    expect(await Promise.all(await budget.spendList(items, 5))).toEqual(items);
    isDone = true;
    // 25,000 fields, five thousand in a part.
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it('of two owners takes turns', async () => {
    const turns = new EventLoopTurns();
    const order: string[] = [];
    const part = async (owner: object, name: string) => {
      await turns.next(owner);
      order.push(name);
    };
    const [one, other] = [{}, {}];
    await Promise.all([part(one, 'a1'), part(one, 'a2'), part(one, 'a3'), part(other, 'b1')]);
    expect(order).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('ends at the deadline, without data', async () => {
    const budget = new OperationBudget(new EventLoopTurns(), performance.now());
    const items = Array.from({ length: 9000 }, (_, index) => index);
    await Promise.all(await budget.spendList(items, 1));
    expect(budget.refusal?.originalError).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });
});

test('what messages have beside their contents is charged when it is read: a page of 100 with everything fits, fifty such do not', () => {
  const id = crypto.randomUUID();
  const profile = {
    id,
    username: 'u'.repeat(150),
    firstName: 'f'.repeat(50),
    lastName: '',
    role: 'user',
    kind: 'human',
    dateJoined: '',
  } as const;
  const extras = {
    ...NO_EXTRAS,
    metadata: { text: 'x'.repeat(4000) },
    mentions: Array.from({ length: MAX_MENTIONS }, () => profile),
    reactions: Array.from({ length: MAX_REACTION_EMOJI }, () => ({
      emoji: 'x'.repeat(64),
      count: 20,
      users: Array.from({ length: MAX_SUMMARY_USERS }, () => id),
    })),
  };
  const page = Array.from({ length: 100 }, () => ({ content: 'x', extras: { ...extras } }));
  const budget = new OperationBudget(new EventLoopTurns());
  expect(budget.spendReading(page)).toBe(true);
  let pages = 1;
  while (pages < 50 && budget.spendReading(page)) pages += 1;
  expect(pages).toBeLessThan(3);
  expect(budget.refusal?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' });
  budget.beginEvent();
  expect(budget.spendReading(page)).toBe(true);
});
