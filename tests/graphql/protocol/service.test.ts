import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';
import { RawClient } from './raw-client.js';

const EVENTS = `subscription ($chatId: ID!, $after: String) {
  chatEvents(chatId: $chatId, after: $after) {
    seq
    ... on MessageCreated { message { content } }
    ... on MemberRemoved { user { username } }
  }
}`;

let services: Awaited<ReturnType<typeof startOwnServices>>;
let graphql: GraphqlApp;
let ann: UserProfile;
let chatId: string;

beforeAll(async () => {
  services = await startOwnServices();
  graphql = await startGraphqlApp(services);
});
afterAll(async () => {
  await graphql.close();
  await services.close();
});
beforeEach(async () => {
  ann = await services.newUser();
  chatId = (await services.newChat(ann)).id;
});

const clients: RawClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.drop();
});

async function connect(token: string): Promise<RawClient> {
  const client = await RawClient.signedIn(graphql.url.replace('http', 'ws'), token);
  clients.push(client);
  return client;
}

async function say(content: string): Promise<void> {
  await services.messages.send(viewerOf(ann), { chatId, content });
}

/** Listens from the beginning of the chat, past ann's own joining. */
async function listen(client: RawClient, id = 'events'): Promise<void> {
  const { epoch } = await services.chats.requireHead(viewerOf(ann), { id: chatId });
  client.subscribe(id, EVENTS, { variables: { chatId, after: `${epoch}:0` } });
  expect(await client.next()).toMatchObject({ id, type: 'next', payload: { data: { chatEvents: { seq: 1 } } } });
}

describe('the service over graphql-transport-ws', () => {
  it('streams a chat from its history into what is sent over the same socket', async () => {
    const client = await connect(await graphql.newToken(ann));
    await say('before');
    await listen(client);
    expect(await client.next()).toMatchObject({
      payload: { data: { chatEvents: { message: { content: 'before' } } } },
    });
    client.subscribe('send', 'mutation ($chatId: ID!) { sendMessage(chatId: $chatId, content: "now") { seq } }', {
      variables: { chatId },
    });
    const messages = [await client.next(), await client.next(), await client.next()];
    expect(messages).toContainEqual({ id: 'send', type: 'next', payload: { data: { sendMessage: { seq: 3 } } } });
    expect(messages).toContainEqual({ id: 'send', type: 'complete' });
    expect(messages).toContainEqual({
      id: 'events',
      type: 'next',
      payload: { data: { chatEvents: { seq: 3, message: { content: 'now' } } } },
    });
  });

  it('refuses a chat of others, an impossible cursor and a mutation without its scope, and the socket lives', async () => {
    const foreign = await services.newChat(await services.newUser());
    const client = await connect(await graphql.newToken(ann, ['read']));
    const refusals: [string, object, string, string][] = [
      [EVENTS, { chatId: foreign.id }, 'error', 'NOT_FOUND'],
      [EVENTS, { chatId, after: 'nonsense' }, 'error', 'BAD_USER_INPUT'],
      [EVENTS, { chatId, after: 'zzzz:9' }, 'error', 'CURSOR_RESET'],
      [
        'mutation ($chatId: ID!) { sendMessage(chatId: $chatId, content: "x") { seq } }',
        { chatId },
        'next',
        'FORBIDDEN',
      ],
    ];
    for (const [query, variables, type, code] of refusals) {
      client.subscribe('r', query, { variables });
      const answer = await client.next();
      expect(answer).toMatchObject({ id: 'r', type });
      expect(JSON.stringify(answer)).toContain(`"code":"${code}"`);
      if (type === 'next') await client.next();
    }
    await listen(client);
  });

  it('gives a removed member the removal, completes the operation, and leaves the socket open', async () => {
    const client = await connect(await graphql.newToken(ann));
    await listen(client);
    await services.memberships.remove(null, chatId, ann.id);
    expect(await client.next()).toMatchObject({
      payload: { data: { chatEvents: { seq: 2, user: { username: ann.username } } } },
    });
    expect(await client.next()).toEqual({ id: 'events', type: 'complete' });
    client.subscribe('me', '{ me { username } }');
    expect(await client.next()).toMatchObject({ payload: { data: { me: { username: ann.username } } } });
  });

  it('ends the subscriptions of an admin who is one no more, and only those that a member may not have', async () => {
    const admin = await services.newUser('admin');
    // The last admin stays one.
    await services.newUser('admin');
    const own = await services.newChat(admin);
    const client = await connect(await graphql.newToken(admin));
    await listen(client, 'foreign');
    client.subscribe('own', EVENTS, { variables: { chatId: own.id } });
    await client.until('set up');
    await services.users.update(admin.id, { role: 'user' });
    expect(await client.next()).toMatchObject({
      id: 'foreign',
      type: 'error',
      payload: [{ extensions: { code: 'NOT_FOUND' } }],
    });
    await services.messages.send(viewerOf(admin), { chatId: own.id, content: 'still here' });
    expect(await client.next()).toMatchObject({ id: 'own', type: 'next' });
  });

  it.each<[string, (token: string) => Promise<unknown>]>([
    ['its token is revoked', (token) => services.tokens.revoke(token, graphql.clientId)],
    ['its user is deactivated', () => services.users.update(ann.id, { isActive: false })],
  ])('closes with 4403 when %s', async (_name, end) => {
    const token = await graphql.newToken(ann);
    const client = await connect(token);
    await listen(client);
    await end(token);
    expect(await client.closed).toEqual({ code: 4403, reason: 'token_revoked' });
  });

  it('renews the token of a socket in place, and over HTTP says that there is nothing to renew', async () => {
    const [first, second] = [await graphql.newToken(ann), await graphql.newToken(ann)];
    const client = await connect(first);
    await listen(client);
    client.subscribe('renew', 'mutation ($token: String!) { reauthenticate(token: $token) }', {
      variables: { token: second },
    });
    expect(await client.next()).toEqual({ id: 'renew', type: 'next', payload: { data: { reauthenticate: true } } });
    await client.next();
    await services.tokens.revoke(first, graphql.clientId);
    await say('still here');
    expect(await client.next()).toMatchObject({ id: 'events', type: 'next' });
    const { codes } = await graphql.run('mutation { reauthenticate(token: "x") }', {}, { token: second });
    expect(codes).toEqual(['BAD_USER_INPUT']);
  });

  it('holds unfinished messages of 16 sockets of an address before they are somebody’s, and of more only 8 KiB', async () => {
    const url = graphql.url.replace('http', 'ws');
    // A message of 65,535 bytes without its last ones.
    const unfinished = Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), Buffer.alloc(65_000, 'x')]);
    const strangers: RawClient[] = [];
    for (let index = 0; index < 30; index += 1) strangers.push(await RawClient.open(url));
    clients.push(...strangers);
    for (const { socket } of strangers) Reflect.get(socket, '_socket').write(unfinished);
    let cut = 0;
    const ends = strangers.map(async ({ closed }) => {
      expect(await closed).toEqual({ code: 1009, reason: 'too_much_before_connection_ack' });
      cut += 1;
    });
    await waitUntil('The cut', 5000, async () => cut === 14);
    const client = await connect(await graphql.newToken(ann));
    client.send({ type: 'ping', payload: { padding: 'x'.repeat(60_000) } });
    expect(await client.next()).toMatchObject({ type: 'pong' });
    expect(cut).toBe(14);
    for (const { socket } of strangers) socket.terminate();
    await Promise.allSettled(ends);
    await waitUntil('The places', 5000, async () => {
      const late = await RawClient.open(url);
      clients.push(late);
      late.send({ type: 'ping', payload: { padding: 'x'.repeat(60_000) } });
      return late.next().then(
        () => true,
        () => false,
      );
    });
  });

  it('writes no token into its log', async () => {
    const token = await graphql.newToken(ann);
    const client = await connect(token);
    client.subscribe('renew', 'mutation ($token: String!) { reauthenticate(token: $token) }', { variables: { token } });
    await client.next();
    client.send('{');
    await client.closed;
    expect(graphql.log.join()).not.toContain(token);
  });

  it('an operation that comes with the end of its socket does not run, and is no fault of ours', async () => {
    const client = await connect(await graphql.newToken(ann));
    for (let id = 0; id < 10; id += 1) client.subscribe(String(id), `{ me { id a${id}: username } }`);
    client.socket.close();
    await client.closed;
    await waitUntil('the end of the session', 5000, () => services.sessions.size === 0);
    expect(graphql.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it('500 sockets that are cut while they listen leave no session behind and the chat goes on', async () => {
    const token = await graphql.newToken(ann);
    for (let round = 0; round < 50; round += 1) {
      const ten = await Promise.all(Array.from({ length: 10 }, () => connect(token)));
      for (const client of ten) client.subscribe('events', EVENTS, { variables: { chatId } });
      for (const client of ten) client.drop();
    }
    await waitUntil('the end of the sessions', 5000, () => services.sessions.size === 0);
    const client = await connect(token);
    await listen(client);
    await say('after all that');
    expect(await client.next()).toMatchObject({ payload: { data: { chatEvents: { seq: 2 } } } });
    client.drop();
    await waitUntil('the end of the last session', 5000, () => services.sessions.size === 0);
  });
});
