import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let admin: UserProfile;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  admin = await services.newUser('admin');
  token = await app.newToken(admin);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const JSON_TYPE = 'application/json';
const NEW_TYPE = 'application/graphql-response+json';

/** A request as it goes over the wire. */
async function send(method: 'GET' | 'HEAD' | 'POST', path: string, headers: Record<string, string>, payload?: string) {
  const response = await app.app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(payload !== undefined && { payload }),
  });
  const body: { data?: unknown; errors?: { message: string; extensions: { code: string; field?: string } }[] } =
    method === 'HEAD' ? {} : response.json();
  const [error] = body.errors ?? [];
  return { status: response.statusCode, headers: response.headers, body, code: error?.extensions.code, error };
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  send('POST', '/graphql/', { 'content-type': JSON_TYPE, ...headers }, JSON.stringify(body));
const get = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
  send('GET', `/graphql/?${new URLSearchParams(parameters)}`, headers);

describe('the path', () => {
  test.each(['/graphql', '/graphql/'])('%s answers GET and POST without a redirect', async (path) => {
    const query = '{ me { username } }';
    const answer = { data: { me: { username: admin.username } } };
    const posted = await send('POST', path, { 'content-type': JSON_TYPE }, JSON.stringify({ query }));
    const got = await send('GET', `${path}?${new URLSearchParams({ query })}`, {});
    for (const { status, body } of [posted, got]) expect({ status, body }).toEqual({ status: 200, body: answer });
  });

  test('answers are not kept by anybody', async () => {
    expect((await get({ query: '{ me { id } }' })).headers['cache-control']).toBe('no-store');
  });
});

describe('GET changes nothing', () => {
  const query = 'mutation { createChat(name: "by GET") { id } }';
  const chats = () => services.db.prisma.chat.count({ where: { name: 'by GET' } });

  test('a mutation is answered 405', async () => {
    const { status, headers, code } = await get({ query });
    expect({ status, allow: headers.allow, code }).toEqual({ status: 405, allow: 'POST', code: 'BAD_USER_INPUT' });
    expect(await chats()).toBe(0);
  });

  test('a mutation by HEAD is answered 405', async () => {
    const { status } = await send('HEAD', `/graphql/?${new URLSearchParams({ query })}`, {});
    expect(status).toBe(405);
    expect(await chats()).toBe(0);
  });

  test('a mutation among several operations is answered 405', async () => {
    const several = `query Q { me { id } } ${query.replace('mutation', 'mutation M')}`;
    expect((await get({ query: several, operationName: 'M' })).status).toBe(405);
    expect((await get({ query: several, operationName: 'Q' })).status).toBe(200);
    expect(await chats()).toBe(0);
  });
});

describe('a page of another site cannot make a browser send an operation', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json', ''])(
    'as %j',
    async (type) => {
      const body = JSON.stringify({ query: 'mutation { createChat(name: "forged") { id } }' });
      const { status, code, error } = await send('POST', '/graphql/', { 'content-type': type }, body);
      expect({ status, code, field: error?.extensions.field }).toEqual({
        status: 415,
        code: 'BAD_USER_INPUT',
        field: 'Content-Type',
      });
      expect(await services.db.prisma.chat.count({ where: { name: 'forged' } })).toBe(0);
    },
  );
});

describe('the access token', () => {
  const query = '{ me { id } }';
  const ask = (authorization: string) => post({ query }, { authorization });

  test('none: the fields say so, with a challenge', async () => {
    const response = await app.run(query);
    expect(response).toMatchObject({ status: 200, codes: ['UNAUTHENTICATED'] });
    expect(response.headers['www-authenticate']).toBe('Bearer realm="chat"');
  });

  test('none: the schema is open', async () => {
    expect((await app.run('{ __typename __schema { queryType { name } } }')).codes).toEqual([]);
  });

  test('unknown: 401 invalid_token', async () => {
    const { status, headers, code } = await ask('Bearer cat_unknown');
    expect({ status, code }).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    expect(headers['www-authenticate']).toMatch(/^Bearer realm="chat", error="invalid_token"/);
  });

  test('revoked: 401 invalid_token', async () => {
    const user = await services.newUser();
    const revoked = await app.newToken(user);
    await services.tokens.revokeUserFamilies(user.id);
    expect((await ask(`Bearer ${revoked}`)).status).toBe(401);
  });

  test.each(['Basic dTpw', 'Digest username="u"', 'Bearers x', ''])(
    'of another scheme (%s): 401 with the bare challenge',
    async (header) => {
      const { status, headers, code } = await ask(header);
      expect({ status, code }).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
      expect(headers['www-authenticate']).toBe('Bearer realm="chat"');
    },
  );

  test.each(['Bearer', 'Bearer a b', 'Bearer \u00e9'])('malformed (%s): 400 invalid_request', async (header) => {
    const { status, headers, code } = await ask(header);
    expect({ status, code }).toEqual({ status: 400, code: 'UNAUTHENTICATED' });
    expect(headers['www-authenticate']).toMatch(/error="invalid_request"/);
  });

  test('with too little scope: 403 insufficient_scope, and nothing runs', async () => {
    const reading = await app.newToken(admin, ['read']);
    const { status, headers, body } = await post(
      { query: 'mutation { createChat(name: "unscoped") { id } }' },
      { authorization: `Bearer ${reading}` },
    );
    expect(status).toBe(403);
    expect(headers['www-authenticate']).toMatch(/error="insufficient_scope".*scope="write"/);
    expect(body).toEqual({
      errors: [{ message: 'The access token lacks the scope "write".', extensions: { code: 'FORBIDDEN' } }],
    });
    expect(await services.db.prisma.chat.count({ where: { name: 'unscoped' } })).toBe(0);
  });
});

describe('what is refused before it runs', () => {
  const several = 'query A { me { id } } query B { me { id } }';
  const REFUSED: [string, object, string, string?][] = [
    ['a document that is none', { query: '{ me' }, 'GRAPHQL_PARSE_FAILED'],
    ['a document of nothing', { query: '# nothing' }, 'GRAPHQL_PARSE_FAILED'],
    ['a field that is none', { query: '{ me { nickname } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a literal of another type',
      { query: '{ messages(chatId: "x", last: "five") { id } }' },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a variable that is missing', { query: 'query ($id: ID!) { user(id: $id) { id } }' }, 'BAD_USER_INPUT', 'id'],
    [
      'a variable of another type',
      { query: 'query ($n: Int) { messages(chatId: "x", last: $n) { id } }', variables: { n: 'five' } },
      'BAD_USER_INPUT',
      'n',
    ],
    [
      'a variable beyond 32 bits',
      { query: 'query ($n: Int) { messages(chatId: "x", before: $n) { id } }', variables: { n: 2 ** 31 } },
      'BAD_USER_INPUT',
      'n',
    ],
    [
      'an operation that the document has not',
      { query: several, operationName: 'C' },
      'BAD_USER_INPUT',
      'operationName',
    ],
    ['several operations and no name', { query: several }, 'BAD_USER_INPUT', 'operationName'],
    ['a subscription', { query: 'subscription { messageSent(chatId: "x") { id } }' }, 'BAD_USER_INPUT', 'query'],
    ['a syntax tree as JSON', { query: JSON.stringify({ kind: 'Document', definitions: [] }) }, 'GRAPHQL_PARSE_FAILED'],
    ...['null', '1', '[]', '"x"', 'true'].map((query): [string, object, string] => [
      `the JSON ${query} as a document`,
      { query },
      'GRAPHQL_PARSE_FAILED',
    ]),
  ];

  describe.each(REFUSED)('%s', (_name, request, code, field) => {
    test.each([
      [JSON_TYPE, 200],
      ['*/*', 200],
      [NEW_TYPE, 400],
      [`${JSON_TYPE};q=0.5, ${NEW_TYPE}`, 400],
    ])('accepting %s: %i', async (accept, status) => {
      const parameters = Object.entries(request).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      for (const answer of [await post(request, { accept }), await get(Object.fromEntries(parameters), { accept })]) {
        expect(answer).toMatchObject({ status, code });
        expect(answer.error?.extensions.field).toBe(field);
        expect(answer.body).not.toHaveProperty('data');
        expect(String(answer.headers['content-type'])).toContain(status === 200 ? JSON_TYPE : NEW_TYPE);
      }
    });
  });

  test.each<[string, unknown, string]>([
    ['a list of operations', [{ query: '{ me { id } }' }], 'body'],
    ['null', null, 'body'],
    ['a string', '{ me { id } }', 'body'],
    ['no query', {}, 'query'],
    ['an empty query', { query: '' }, 'query'],
    ['variables that are a list', { query: '{ me { id } }', variables: [] }, 'variables'],
    ['extensions that are a string', { query: '{ me { id } }', extensions: 'x' }, 'extensions'],
    ['an operation name that is a number', { query: '{ me { id } }', operationName: 1 }, 'operationName'],
  ])('a body that is %s: 400 naming what is wrong', async (_name, body, field) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
    expect(answer.error?.extensions.field).toBe(field);
  });

  test.each([
    ['no JSON', '{"query": '],
    ['an empty body', ''],
    ['a member __proto__', '{"query":"{ me { id } }","variables":{"__proto__":{}}}'],
  ])('%s: 400', async (_name, payload) => {
    const answer = await send('POST', '/graphql/', { 'content-type': JSON_TYPE }, payload);
    expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
  });

  test.each<[string, Record<string, string>, string]>([
    ['no query', {}, 'query'],
    ['variables that are no JSON', { query: '{ me { id } }', variables: '{' }, 'variables'],
    ['variables that are a list', { query: '{ me { id } }', variables: '[]' }, 'variables'],
    ['extensions that are no JSON', { query: '{ me { id } }', extensions: 'x' }, 'extensions'],
  ])('a URL with %s: 400 naming it', async (_name, parameters, field) => {
    const answer = await get(parameters);
    expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
    expect(answer.error?.extensions.field).toBe(field);
  });

  test('a repeated parameter in the URL: 400', async () => {
    const query = encodeURIComponent('{ me { id } }');
    expect((await send('GET', `/graphql/?query=${query}&query=${query}`, {})).status).toBe(400);
  });

  test('a body of 1 MiB: 413', async () => {
    const answer = await post({ query: '{ me { id } }', variables: { filler: 'x'.repeat(2 ** 20) } });
    expect(answer).toMatchObject({ status: 413, code: 'BAD_USER_INPUT' });
  });

  test('variables a thousand levels deep: refused for what they are', async () => {
    const variables = { name: JSON.parse('['.repeat(1000) + ']'.repeat(1000)) };
    const answer = await post({ query: 'query ($name: String) { chat(name: $name) { id } }', variables });
    expect(answer).toMatchObject({ status: 200, code: 'BAD_USER_INPUT' });
    expect(answer.error?.message.length).toBeLessThan(500);
  });
});

describe('what runs', () => {
  test('takes variables from a URL', async () => {
    const query = 'query ($id: ID!) { user(id: $id) { username } }';
    const { body } = await get({ query, variables: JSON.stringify({ id: admin.id }), operationName: '' });
    expect(body).toEqual({ data: { user: { username: admin.username } } });
  });

  test('answers with data beside the errors of fields, whose path has numbers for places in lists', async () => {
    await services.newChat();
    const { status, body } = await post({ query: '{ me { id } chats { members(first: 0) { joinedAt } } }' });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        data: null,
        errors: [{ path: ['chats', 0, 'members'], extensions: { code: 'BAD_USER_INPUT', field: 'first' } }],
      },
    });
  });

  test('answers in the media type that is asked for', async () => {
    const type = async (accept: string) =>
      String((await post({ query: '{ __typename }' }, { accept })).headers['content-type']);
    expect(await type(NEW_TYPE)).toBe(`${NEW_TYPE}; charset=utf-8`);
    expect(await type(`${NEW_TYPE}, ${JSON_TYPE};q=0.9`)).toBe(`${NEW_TYPE}; charset=utf-8`);
    expect(await type(`${NEW_TYPE};q=0.1, ${JSON_TYPE}`)).toBe(`${JSON_TYPE}; charset=utf-8`);
    expect(await type(`${NEW_TYPE};q=0`)).toBe(`${JSON_TYPE}; charset=utf-8`);
    expect(await type('image/png')).toBe(`${JSON_TYPE}; charset=utf-8`);
  });
});
