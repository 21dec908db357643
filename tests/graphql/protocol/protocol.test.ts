import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startToyApp, TOKEN, type ToyApp } from './toy-app.js';

// Sections are those of https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md
let app: ToyApp;

beforeAll(async () => {
  app = await startToyApp({ maxOperations: 20 });
});
afterAll(() => app.close());

const INIT = { type: 'connection_init', payload: { authorization: `Bearer ${TOKEN}` } };

function deep(before: string, after: string): string {
  return `${before}${'['.repeat(30_000)}${']'.repeat(30_000)}${after}`;
}

describe('Communication', () => {
  it.each([
    ['none', null],
    ['another', 'chat.v1'],
    ['an old one', 'graphql-ws'],
  ])('a socket with %s for its subprotocol is no GraphQL socket', async (_name, subprotocol) => {
    const opened = app.open({ subprotocol });
    // A client that offered only others has to fail by itself (RFC 6455, §4.1); one that offered none is told.
    if (subprotocol) await expect(opened).rejects.toThrow();
    else expect(await (await opened).closed).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' });
  });

  it.each([
    ['text that is not JSON', '{'],
    ['an empty text', ''],
    ['a JSON array', '[]'],
    ['a JSON null', 'null'],
    ['an object without a type', {}],
    ['an unknown type', { type: 'start', id: '1', payload: { query: '{ hello(name: "a") }' } }],
    ['a message for clients', { type: 'next', id: '1', payload: {} }],
    ['a type of Mercurius that the protocol does not have', { type: 'connection_terminate' }],
    ['a type that is no string', { type: 1 }],
    ['a binary frame', Buffer.from(JSON.stringify(INIT))],
    ['connection_init with a payload that is no object', { type: 'connection_init', payload: 'Bearer x' }],
    ['ping with a payload that is no object', { type: 'ping', payload: [] }],
    ['subscribe without an id', { type: 'subscribe', payload: { query: '{ hello }' } }],
    ['subscribe with an empty id', { type: 'subscribe', id: '', payload: { query: '{ hello }' } }],
    ['subscribe with a number for its id', { type: 'subscribe', id: 1, payload: { query: '{ hello }' } }],
    [
      'subscribe with an id of more than 128 characters',
      { type: 'subscribe', id: 'a'.repeat(129), payload: { query: '{ hello(name: "a") }' } },
    ],
    ['complete with an id of more than 128 characters', { type: 'complete', id: 'a'.repeat(129) }],
    ['subscribe without a payload', { type: 'subscribe', id: '1' }],
    ['subscribe without a query', { type: 'subscribe', id: '1', payload: {} }],
    ['subscribe with a document tree', { type: 'subscribe', id: '1', payload: { query: { kind: 'Document' } } }],
    [
      'subscribe with variables that are no object',
      { type: 'subscribe', id: '1', payload: { query: '{a}', variables: '{}' } },
    ],
    [
      'subscribe with an operationName that is no string',
      { type: 'subscribe', id: '1', payload: { query: '{a}', operationName: 1 } },
    ],
    [
      'subscribe with extensions that are no object',
      { type: 'subscribe', id: '1', payload: { query: '{a}', extensions: [] } },
    ],
    [
      'variables nested 30,000 deep',
      deep('{"type":"subscribe","id":"1","payload":{"query":"{ viewer }","variables":{"a":', '}}}'),
    ],
    ['a ping nested 30,000 deep', deep('{"type":"ping","payload":{"a":', '}}')],
    ['brackets that close nothing', deep('', '').slice(30_000)],
    ['complete without an id', { type: 'complete' }],
    [
      'a key __proto__',
      '{"type":"subscribe","id":"1","payload":{"query":"{ hello(name: \\"a\\") }","variables":{"__proto__":{}}}}',
    ],
  ])('Invalid message: %s closes with 4400', async (_name, frame) => {
    const client = await app.connect();
    client.send(frame);
    expect(await client.closed).toEqual({ code: 4400, reason: 'Invalid message received' });
  });

  it('a text with __proto__ in it is no key and does no harm', async () => {
    const client = await app.connect();
    client.subscribe('1', 'query ($name: String!) { hello(name: $name) }', { variables: { name: '__proto__' } });
    expect(await client.next()).toMatchObject({ payload: { data: { hello: 'Hello, __proto__' } } });
  });

  it('a text full of brackets and escaped quotes is one value', async () => {
    const client = await app.connect();
    const name = '[{"\\\\'.repeat(2000);
    client.subscribe('1', 'query ($name: String!) { hello(name: $name) }', { variables: { name } });
    expect(await client.next()).toMatchObject({ payload: { data: { hello: `Hello, ${name}` } } });
  });

  it('members that the protocol does not name are ignored', async () => {
    const client = await app.connect();
    client.send({
      type: 'subscribe',
      id: '1',
      payload: { query: '{ hello(name: "a") }', operationName: null, variables: null, extensions: null, more: 1 },
      extensions: [{ type: 'connectionInit', payload: {} }],
    });
    expect(await client.next()).toEqual({ id: '1', type: 'next', payload: { data: { hello: 'Hello, a' } } });
  });

  it('a frame over 64 KiB closes with 1009', async () => {
    const client = await app.connect();
    client.send({ type: 'ping', payload: { pad: 'x'.repeat(65 * 1024) } });
    expect((await client.closed).code).toBe(1009);
  });

  it('too many frames close with 4429', async () => {
    const slow = await startToyApp({}, { frameRate: { perSecond: 1, burst: 5 } });
    const client = await slow.open();
    client.send(...Array.from({ length: 6 }, () => ({ type: 'pong' })));
    expect((await client.closed).code).toBe(4429);
    await slow.close();
  });
});

describe('ConnectionInit', () => {
  it('is answered with connection_ack', async () => {
    const client = await app.open();
    client.send(INIT);
    expect(await client.next()).toEqual({ type: 'connection_ack' });
  });

  it('that does not come in time closes with 4408', async () => {
    const hasty = await startToyApp({ connectTimeoutMs: 50 });
    const client = await hasty.open();
    client.send({ type: 'ping' });
    expect(await client.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
    await hasty.close();
  });

  it('after the acknowledgement closes with 4429', async () => {
    const client = await app.connect();
    client.send(INIT);
    expect(await client.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
  });

  it('repeated before the acknowledgement closes with 4429', async () => {
    const client = await app.open();
    client.send(INIT, INIT);
    expect((await client.closed).code).toBe(4429);
  });
});

describe('Ping and Pong', () => {
  it('a ping is answered at any time, also before connection_init', async () => {
    const client = await app.open();
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });

  it('a pong carries the payload of its ping', async () => {
    const client = await app.connect();
    client.send({ type: 'ping', payload: { at: 1 } });
    expect(await client.next()).toEqual({ type: 'pong', payload: { at: 1 } });
  });

  it('an unsolicited pong is allowed at any time', async () => {
    const client = await app.open();
    client.send({ type: 'pong' }, { type: 'pong', payload: { at: 1 } }, INIT);
    expect(await client.next()).toEqual({ type: 'connection_ack' });
  });
});

describe('Subscribe', () => {
  it('before the acknowledgement closes with 4401', async () => {
    const client = await app.open();
    client.subscribe('1', '{ hello(name: "a") }');
    expect(await client.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('sent together with connection_init, not waiting for the acknowledgement, closes with 4401 and runs nothing', async () => {
    const client = await app.open();
    client.send(INIT, { type: 'subscribe', id: '1', payload: { query: 'mutation { note(text: "hasty") }' } });
    expect((await client.closed).code).toBe(4401);
    expect(app.toy.notes).not.toContain('hasty');
  });

  it('with the id of an active subscription closes with 4409 at once', async () => {
    const client = await app.connect();
    client.subscribe('sub', 'subscription { pulls(lever: "a") }');
    await once(app.toy.levers, 'opened');
    client.subscribe('sub', 'subscription { pulls(lever: "a") }');
    expect(await client.closed).toEqual({ code: 4409, reason: 'Subscriber for sub already exists' });
    expect(app.toy.openStreams).toBe(0);
  });

  it('with the id of an active query closes with 4409, regardless of the operation type, and runs nothing', async () => {
    const client = await app.connect();
    client.subscribe('x', '{ slow(lever: "never") }');
    await once(app.toy.levers, 'waiting');
    client.subscribe('x', 'mutation { note(text: "repeated") }');
    expect((await client.closed).code).toBe(4409);
    expect(app.toy.notes).not.toContain('repeated');
  });

  it('twice in one packet with one id closes with 4409 and runs neither', async () => {
    const client = await app.connect();
    const subscribe = { type: 'subscribe', id: '1', payload: { query: 'mutation { note(text: "twice") }' } };
    client.send(subscribe, subscribe);
    expect((await client.closed).code).toBe(4409);
    expect(app.toy.notes).not.toContain('twice');
  });

  it('frames that follow the one for which the socket was closed run nothing', async () => {
    const client = await app.connect();
    client.send('{', { type: 'subscribe', id: '1', payload: { query: 'mutation { note(text: "late") }' } });
    expect((await client.closed).code).toBe(4400);
    expect(app.toy.notes).not.toContain('late');
  });

  it('a close reason holds what fits of an id, in any script', async () => {
    const client = await app.connect();
    const id = '💬'.repeat(64);
    client.subscribe(id, '{ slow(lever: "never") }');
    client.subscribe(id, '{ slow(lever: "never") }');
    const { code, reason } = await client.closed;
    expect(code).toBe(4409);
    expect(reason).toMatch(/^Subscriber for (💬)+$/u);
  });

  it('more active operations than allowed get an error each, and the socket lives', async () => {
    const client = await app.connect();
    for (let index = 0; index < 20; index += 1) client.subscribe(`${index}`, '{ slow(lever: "let go") }');
    client.subscribe('one more', '{ hello(name: "a") }');
    expect(await client.next()).toMatchObject({
      id: 'one more',
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    app.toy.pull('let go', 7);
    const answers = new Set<unknown>();
    for (let index = 0; index < 40; index += 1) answers.add(JSON.stringify(await client.next()));
    expect(answers.size).toBe(40);
    client.subscribe('one more', '{ hello(name: "a") }');
    expect(await client.next()).toMatchObject({ id: 'one more', type: 'next' });
  });
});

describe('Next', () => {
  it('carries the id as the client wrote it, of up to 128 characters', async () => {
    const client = await app.connect();
    for (const id of ['"\\\n\u2028é', '\ud83d', '💬'.repeat(64)]) {
      client.subscribe(id, 'subscription { count(to: 1) }');
      expect(await client.next()).toEqual({ id, type: 'next', payload: { data: { count: 1 } } });
      expect(await client.next()).toEqual({ id, type: 'complete' });
      client.subscribe(id, '{ hello(name: "a") }');
      expect(await client.next()).toMatchObject({ id, type: 'next' });
      expect(await client.next()).toEqual({ id, type: 'complete' });
    }
  });

  it('a stream of results ends with complete', async () => {
    const client = await app.connect();
    client.subscribe('s', 'subscription { count(to: 2) }');
    expect([await client.next(), await client.next(), await client.next()]).toEqual([
      { id: 's', type: 'next', payload: { data: { count: 1 } } },
      { id: 's', type: 'next', payload: { data: { count: 2 } } },
      { id: 's', type: 'complete' },
    ]);
  });

  it('a query has at most one, then complete', async () => {
    const client = await app.connect();
    client.subscribe('q', 'query Named($name: String!) { hello(name: $name) } query Other { viewer }', {
      operationName: 'Named',
      variables: { name: 'Bob' },
    });
    expect([await client.next(), await client.next()]).toEqual([
      { id: 'q', type: 'next', payload: { data: { hello: 'Hello, Bob' } } },
      { id: 'q', type: 'complete' },
    ]);
    expect(await client.until('quiet')).toEqual([]);
  });

  it('a mutation runs once and answers', async () => {
    const client = await app.connect();
    client.subscribe('m', 'mutation { note(text: "once") }');
    expect(await client.next()).toMatchObject({ id: 'm', type: 'next' });
    expect(app.toy.notes.filter((text) => text === 'once')).toHaveLength(1);
  });

  it('several operations are active at a time, interleaved', async () => {
    const client = await app.connect();
    client.subscribe('slow', '{ slow(lever: "interleaved") }');
    await once(app.toy.levers, 'waiting');
    client.subscribe('quick', '{ hello(name: "a") }');
    expect(await client.next()).toMatchObject({ id: 'quick', type: 'next' });
    expect(await client.next()).toMatchObject({ id: 'quick', type: 'complete' });
    app.toy.pull('interleaved', 1);
    expect(await client.next()).toMatchObject({ id: 'slow', type: 'next' });
  });

  it('errors of resolvers come with the data, coded, and those of ours masked', async () => {
    const client = await app.connect();
    client.subscribe('e', '{ refuses fails }');
    const next = await client.next();
    expect(next).toMatchObject({
      type: 'next',
      payload: {
        data: { refuses: null, fails: null },
        errors: [
          { path: ['refuses'], extensions: { code: 'NOT_FOUND' } },
          { path: ['fails'], extensions: { code: 'INTERNAL_SERVER_ERROR' } },
        ],
      },
    });
    expect(JSON.stringify(next)).not.toContain('swordfish');
  });
});

describe('Error', () => {
  it.each<[string, string, string, string?]>([
    ['a syntax error', '{ hello(', 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field of a query', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown field of a subscription', 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown argument of a subscription', 'subscription { count(to: 1, from: 0) }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'two root fields of a subscription',
      'subscription { a: count(to: 1) b: count(to: 1) }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['an empty document', '', 'GRAPHQL_PARSE_FAILED'],
    ['fragments alone', 'fragment F on Query { viewer }', 'GRAPHQL_VALIDATION_FAILED'],
    ['several operations and no name', 'query A { viewer } query B { viewer }', 'BAD_USER_INPUT'],
    ['a name that no operation has', 'query A { viewer }', 'BAD_USER_INPUT', 'B'],
    ['a schema definition', 'type T { a: Int }', 'GRAPHQL_VALIDATION_FAILED'],
    ['more tokens than allowed', `{ ${'viewer '.repeat(2100)} }`, 'GRAPHQL_PARSE_FAILED'],
    ['more levels than allowed', `${'{ nested '.repeat(11)}{ viewer }${'}'.repeat(11)}`, 'GRAPHQL_VALIDATION_FAILED'],
  ])('answers %s before anything runs, and the socket lives', async (_name, query, code, operationName) => {
    const client = await app.connect();
    client.subscribe('bad', query, { operationName });
    expect(await client.next()).toMatchObject({
      id: 'bad',
      type: 'error',
      payload: [{ message: expect.any(String), extensions: { code } }],
    });
    client.subscribe('bad', '{ hello(name: "a") }');
    expect(await client.next()).toMatchObject({ id: 'bad', type: 'next' });
  });

  it('names each wrong variable, of a subscription too', async () => {
    const client = await app.connect();
    client.subscribe('v', 'subscription ($to: Int!) { count(to: $to) }', { variables: { to: 'many' } });
    expect(await client.next()).toMatchObject({
      type: 'error',
      payload: [{ message: expect.stringContaining('"$to"'), locations: [{ line: 1, column: 15 }] }],
    });
  });

  it('ends a subscription that is refused with the code of its reason, and no complete follows', async () => {
    const client = await app.connect();
    client.subscribe('r', 'subscription { refused }');
    expect(await client.next()).toEqual({
      id: 'r',
      type: 'error',
      payload: [
        {
          message: 'There is no such chat.',
          locations: [{ line: 1, column: 16 }],
          path: ['refused'],
          extensions: { code: 'NOT_FOUND' },
        },
      ],
    });
    expect(await client.until('quiet')).toEqual([]);
  });

  it.each(['subscription { broken }', 'subscription { breaks }'])(
    'masks what is ours in %s, and the socket lives',
    async (query) => {
      const client = await app.connect();
      client.subscribe('b', query);
      let message = await client.next();
      if (query.includes('breaks')) {
        expect(message).toMatchObject({ type: 'next', payload: { data: { breaks: 1 } } });
        message = await client.next();
      }
      expect(message).toMatchObject({
        id: 'b',
        type: 'error',
        payload: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
      });
      expect(JSON.stringify(message)).not.toContain('swordfish');
      expect(await client.until('quiet')).toEqual([]);
    },
  );
});

describe('Complete', () => {
  it('ends a subscription: its stream closes and nothing more is sent', async () => {
    const client = await app.connect();
    client.subscribe('c', 'subscription { pulls(lever: "b") }');
    await once(app.toy.levers, 'opened');
    client.send({ type: 'complete', id: 'c' });
    await once(app.toy.levers, 'closed');
    app.toy.pull('b', 1);
    expect(await client.until('quiet')).toEqual([]);
  });

  it('of a query that has not resolved keeps its result back', async () => {
    const client = await app.connect();
    client.subscribe('c', '{ slow(lever: "c") }');
    await once(app.toy.levers, 'waiting');
    client.send({ type: 'complete', id: 'c' });
    await client.until('completed');
    app.toy.pull('c', 1);
    expect(await client.until('quiet')).toEqual([]);
  });

  it('that comes while a subscription is being set up leaves no stream behind', async () => {
    const client = await app.connect();
    client.subscribe('c', 'subscription { late(lever: "d") }');
    await once(app.toy.levers, 'waiting');
    client.send({ type: 'complete', id: 'c' });
    await client.until('completed');
    const closed = once(app.toy.levers, 'closed');
    app.toy.pull('d');
    await closed;
    expect(app.toy.openStreams).toBe(0);
    expect(await client.until('quiet')).toEqual([]);
  });

  it('in one packet with its subscribe leaves no stream behind', async () => {
    const client = await app.connect();
    client.send(
      { type: 'subscribe', id: 'c', payload: { query: 'subscription { pulls(lever: "e") }' } },
      { type: 'complete', id: 'c' },
    );
    expect(await client.until('quiet')).toEqual([]);
    expect(app.toy.openStreams).toBe(0);
  });

  it('of an id that is unknown or has ended is ignored', async () => {
    const client = await app.connect();
    client.subscribe('q', '{ viewer }');
    client.send({ type: 'complete', id: 'never' });
    await client.next();
    await client.next();
    client.send({ type: 'complete', id: 'q' });
    expect(await client.until('quiet')).toEqual([]);
  });

  it('frees the id, and what the old operation still does is not taken for the new one', async () => {
    const client = await app.connect();
    client.subscribe('again', 'subscription { pulls(lever: "f") }');
    await once(app.toy.levers, 'opened');
    client.send(
      { type: 'complete', id: 'again' },
      { type: 'subscribe', id: 'again', payload: { query: 'subscription { pulls(lever: "g") }' } },
    );
    await once(app.toy.levers, 'opened');
    await client.until('settled');
    app.toy.pull('f', 1);
    app.toy.pull('g', 2);
    expect(await client.next()).toEqual({ id: 'again', type: 'next', payload: { data: { pulls: 2 } } });
    app.toy.pull('g', 3);
    expect(await client.next()).toEqual({ id: 'again', type: 'next', payload: { data: { pulls: 3 } } });
  });

  it.each([
    ['completed by the server', 'subscription { count(to: 0) }', 'complete'],
    ['failed', 'subscription { refused }', 'error'],
    ['refused', '{ nothing }', 'error'],
  ])('an id whose operation %s can be used again', async (_name, query, end) => {
    const client = await app.connect();
    for (let round = 0; round < 3; round += 1) {
      client.subscribe('same', query);
      expect(await client.next()).toMatchObject({ id: 'same', type: end });
    }
  });
});
