import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  token = await app.newToken(await services.newUser());
});

afterAll(async () => {
  await app.close();
  await services.close();
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
