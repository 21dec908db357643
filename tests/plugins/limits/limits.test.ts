import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { StreamRefused } from '../../support/frame-queue.js';
import { RawSocket } from '../../support/raw-socket.js';
import { testRedisPrefix } from '../../support/redis.js';
import { Service, startTeam } from '../../support/service.js';
import { PASSWORD } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { exchange, upgradeRequest } from '../../support/web-socket-app.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let token: string;
let annsToken: string;
/** The service of the test, beside the team's own, which has the default limits. */
let service: Service;

beforeAll(async () => {
  team = await startTeam();
  const { users, chats } = team.first.app.services;
  await users.create({ username: 'ann', password: PASSWORD });
  await chats.create('general');
  [token, annsToken] = [await team.signIn('admin'), await team.signIn('ann')];
});
afterAll(() => team.close());
afterEach(() => service.close());

/** A service with these limits. Tokens, people and chats are there already. */
async function start(limits: Record<string, string>) {
  service = await Service.start(team.database, limits, { busPrefix: testRedisPrefix() });
}

const graphql = (query = '{ __typename }') =>
  fetch(`${service.origin}/graphql/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });

const port = () => Number(new URL(service.origin).port);
const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** What a proxy passes on from these addresses, all at once: the statuses of the answers. */
const forwarded = (addresses: string[], path = '/nothing', init: RequestInit = {}) =>
  Promise.all(
    addresses.map(async (address) => {
      const response = await fetch(`${service.origin}${path}`, { ...init, headers: { 'x-forwarded-for': address } });
      return response.status;
    }),
  );
const forwardedChannel = (address: string) =>
  RawSocket.open(`${service.wsOrigin}/ws/chat/general/`, {
    headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': address },
  });
const refusedOf = (statuses: number[]) => statuses.filter((status) => status === 429).length;

/** The embedded database has one session, which a lock would stop altogether. */
const isEmbedded = () => testDatabaseSource().kind === 'embedded';

/** Keeps every chat from being read until `release`. */
async function holdChats() {
  const connection = await service.app.db.pool.connect();
  await connection.query('BEGIN; LOCK TABLE chats');
  return async () => {
    await connection.query('ROLLBACK');
    connection.release();
  };
}

describe('a client behind a proxy that writes its port too', () => {
  const ports = (count: number) => Array.from({ length: count }, (_, index) => `203.0.113.7:${40_001 + index}`);

  it('is one address for requests', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_REQUESTS_PER_ADDRESS: '5' });
    expect(refusedOf(await forwarded(ports(20)))).toBeGreaterThan(5);
    expect(await forwarded(['203.0.113.8:40001'])).toEqual([404]);
  });

  it('is one address for wrong passwords, and for that of another client none', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_FAILURES_PER_ACCOUNT: '3' });
    const attempt = async (address: string, password: string) => {
      const body = new URLSearchParams({ grant_type: 'password', username: 'ann', password, ...team.credentials });
      return (await forwarded([address], '/oauth/token/', { method: 'POST', body }))[0];
    };
    const seen: unknown[] = [];
    for (const address of ports(5)) seen.push(await attempt(address, 'wrong'));
    expect(seen).toEqual([400, 400, 400, 429, 429]);
    expect(await attempt('203.0.113.7:50001', PASSWORD)).toBe(429);
    expect(await attempt('198.51.100.7:40001', PASSWORD)).toBe(200);
  });

  it('is one address for sockets', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_SOCKETS_PER_ADDRESS: '2' });
    const [one = '', two = '', three = ''] = ports(3);
    await Promise.all([forwardedChannel(one), forwardedChannel(two)]);
    expect(await refusalOf(forwardedChannel(three))).toMatchObject({ status: 429 });
    await forwardedChannel('203.0.113.8:40001');
  });
});

describe('a customer with many networks of IPv6', () => {
  /** An address in each of so many /64 of one /56. */
  const networks = (count: number, prefix = '2001:db8:7:ab') =>
    Array.from({ length: count }, (_, index) => `${prefix}${index.toString(16).padStart(2, '0')}::1`);

  it('has four times the requests of an address, and who has many IPv4 addresses is not one customer', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_REQUESTS_PER_ADDRESS: '5' });
    // In two windows of a second at the most.
    expect(refusedOf(await forwarded(networks(60)))).toBeGreaterThanOrEqual(20);
    expect(refusedOf(await forwarded(networks(10, '2001:db8:8:ab')))).toBe(0);
    const others = Array.from({ length: 60 }, (_, index) => `203.0.113.${index}`);
    expect(refusedOf(await forwarded(others))).toBe(0);
  });

  it('has eight times the requests of an address with a whole /48', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_REQUESTS_PER_ADDRESS: '5' });
    const all = Array.from({ length: 120 }, (_, index) => `2001:db8:9:${(index * 256).toString(16)}::1`);
    expect(refusedOf(await forwarded(all))).toBeGreaterThanOrEqual(40);
  });

  it('has four times the sockets of an address, and gets back the place of one that closes', async () => {
    await start({ TRUST_PROXY: 'loopback', LIMIT_SOCKETS_PER_ADDRESS: '2' });
    const [first, ...others] = networks(9);
    const last = others.pop() ?? '';
    const [channel] = await Promise.all([forwardedChannel(first ?? ''), ...others.map(forwardedChannel)]);
    expect(await refusalOf(forwardedChannel(last))).toMatchObject({ status: 429 });
    await forwardedChannel('2001:db8:7:ac00::1');
    await channel?.close();
    await expect.poll(() => refusalOf(forwardedChannel(last))).toBe(undefined);
  });
});

describe('requests', () => {
  it('of one address are answered 429 with Retry-After when they are too many, on every path but those of health', async () => {
    await start({ LIMIT_REQUESTS_PER_ADDRESS: '5' });
    const many = (path: string, init: RequestInit = {}) =>
      Promise.all(Array.from({ length: 20 }, () => fetch(`${service.origin}${path}`, init)));
    for (const [path, init] of [
      ['/nothing', {}],
      ['/oauth/token/', { method: 'POST', body: new URLSearchParams({ grant_type: 'password' }) }],
      ['/graphql/?query={__typename}', {}],
    ] as const) {
      const refused = (await many(path, init)).filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(5);
      for (const { headers } of refused) expect(headers.get('retry-after')).toBe('1');
      const body = Object(await refused[0]?.json());
      if (path.startsWith('/oauth')) expect(body).toMatchObject({ error: 'temporarily_unavailable' });
      else if (path.startsWith('/graphql')) expect(body.errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED' });
      else expect(body).toMatchObject({ error: 'rate_limited' });
    }
    expect((await many('/healthz')).map(({ status }) => status)).toEqual(Array(20).fill(200));
    const upgrades = Array.from({ length: 20 }, () => exchange(port(), upgradeRequest('/ws/chat/general/')));
    expect((await Promise.all(upgrades)).filter((answer) => answer.startsWith('HTTP/1.1 429')).length).toBeGreaterThan(
      5,
    );
  });

  it('of one user are answered 429, whatever others send', async () => {
    await start({ LIMIT_REQUESTS_PER_USER: '5' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => graphql()));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect((await service.query(annsToken, '{ me { username } }')).data).toEqual({ me: { username: 'ann' } });
  });

  it.skipIf(isEmbedded())(
    'beyond those that are worked on at once are answered 503 with Retry-After, and the others are answered in the end',
    async () => {
      await start({ LIMIT_REQUESTS_AT_ONCE: '3' });
      const release = await holdChats();
      const held = Array.from({ length: 3 }, () => graphql('{ chats { id } }'));
      const refused = await firstRefusal();
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] });
      expect((await fetch(`${service.origin}/healthz`)).status).toBe(200);
      // An EventSource does not come back after a refusal.
      const arrives = once(service.app.server, 'request');
      const opening = service.events(token, 'general');
      await arrives;
      await release();
      await (await opening).close();
      expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200]);
      expect((await graphql()).status).toBe(200);
    },
  );

  /** The first refusal; the requests that are held arrive when they arrive. */
  async function firstRefusal(): Promise<Response> {
    for (;;) {
      const answer = await graphql();
      if (answer.status !== 200) return answer;
    }
  }

  it.skipIf(isEmbedded())(
    'that take too long are answered 503, over HTTP and over a socket, and a mutation begins nothing more',
    async () => {
      await start({ LIMIT_OPERATION_SECONDS: '1' });
      const socket = service.subscribe(token, '{ chats { id } }');
      await socket.ended;
      const release = await holdChats();
      const overHttp = graphql('{ chats { id } }');
      const overSocket = service.subscribe(token, '{ chats { id } }').ended;
      const mutation = graphql('mutation { a: createChat(name: "a") { id } b: createChat(name: "b") { id } }');
      const answer = await overHttp;
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await overSocket).toBe('SERVICE_UNAVAILABLE');
      expect((await mutation).status).toBe(503);
      await release();
      await expect
        .poll(async () => (await service.query(token, '{ chat(name: "a") { name } }')).data)
        .toMatchObject({ chat: { name: 'a' } });
      expect((await service.query(token, '{ chat(name: "b") { name } }')).data).toEqual({ chat: null });
    },
  );

  it('that arrive too slowly are answered 408, whether it is the headers or the body', async () => {
    await start({ LIMIT_HEADERS_SECONDS: '1', LIMIT_REQUEST_SECONDS: '2', LIMIT_OPERATION_SECONDS: '0' });
    const slow = [
      'GET / HTTP/1.1\r\nHost: x\r\nA: ',
      'POST /graphql/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    ];
    const answers = await Promise.all(slow.map((bytes) => dripping(bytes)));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('have bodies of a bounded size', async () => {
    await start({ LIMIT_BODY_BYTES: '2000' });
    expect((await graphql(`{ __typename } # ${'x'.repeat(1000)}`)).status).toBe(200);
    expect((await graphql(`{ __typename } # ${'x'.repeat(2000)}`)).status).toBe(413);
  });
});

/** Sends a byte now and then, and returns what the server says before it ends the connection. */
async function dripping(bytes: string): Promise<string> {
  const connection = net.connect(port(), '127.0.0.1');
  connection.on('error', () => {});
  let answer = '';
  connection.on('data', (chunk) => {
    answer += chunk;
  });
  connection.write(bytes);
  const timer = setInterval(() => connection.write('x'), 300);
  await once(connection, 'close');
  clearInterval(timer);
  return answer;
}

describe('sockets', () => {
  it('of one address are refused with 429 before the upgrade when they are too many; one that closes makes room', async () => {
    await start({ LIMIT_SOCKETS_PER_ADDRESS: '2' });
    const [first] = [await service.channel(token, 'general'), await service.channel(token, 'general')];
    const refusal = await refusalOf(service.channel(token, 'general'));
    expect(refusal).toBeInstanceOf(StreamRefused);
    expect(refusal).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, body: { error: 'rate_limited' } });
    await first.close();
    await expect.poll(() => refusalOf(service.channel(token, 'general'))).toBe(undefined);
  });

  it('of one user are refused with 429 on the raw channel and 4429 on GraphQL, whatever others open', async () => {
    await start({ LIMIT_SOCKETS_PER_USER: '2' });
    const raw = await service.channel(token, 'general');
    const { data } = await service.query(token, '{ chat(name: "general") { id cursor } }');
    const { id, cursor } = Object(data).chat;
    await service.query(token, `mutation { sendMessage(chatId: "${id}", content: "hi") { id } }`);
    const events = `subscription { chatEvents(chatId: "${id}", after: "${cursor}") { seq } }`;
    const subscription = service.subscribe(token, events);
    await subscription.until(1);
    expect(await refusalOf(service.channel(token, 'general'))).toMatchObject({ status: 429 });
    expect(await service.subscribe(token, '{ me { id } }').ended).toBe(4429);
    expect(await service.subscribe(annsToken, '{ me { id } }').ended).toBe('complete');
    await raw.close();
    await expect.poll(() => refusalOf(service.channel(token, 'general'))).toBe(undefined);
    subscription.end();
  });

  it('are closed with 4429 when a user sends too many frames over all of them', async () => {
    await start({ LIMIT_FRAMES_PER_USER: '2' });
    const [one, two] = [await service.channel(token, 'general'), await service.channel(token, 'general')];
    for (let sent = 0; sent < 15; sent += 1) for (const socket of [one, two]) socket.send({ type: 'ping' });
    const ends = await Promise.race([one.closed, two.closed]);
    expect(ends).toEqual({ code: 4429, reason: 'too_many_frames' });
  });

  it('are closed with 4429 when one sends too many frames, and with 1009 for one that is too large', async () => {
    await start({ LIMIT_FRAMES_PER_SOCKET: '2', LIMIT_FRAME_BYTES: '2000' });
    const [talker, writer] = [await service.channel(token, 'general'), await service.channel(token, 'general')];
    for (let sent = 0; sent < 30; sent += 1) talker.send({ type: 'ping' });
    expect((await talker.closed).code).toBe(4429);
    writer.send(JSON.stringify({ type: 'ping', id: 'x'.repeat(2000) }));
    expect((await writer.closed).code).toBe(1009);
  });

  it('hold a bounded number of operations', async () => {
    await start({ LIMIT_OPERATIONS_PER_SOCKET: '1' });
    const chat = await service.app.services.chats.create('busy');
    const socket = new WebSocket(`${service.wsOrigin}/graphql/`, 'graphql-transport-ws');
    const messages: string[] = [];
    socket.on('message', (data) => messages.push(data.toString()));
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    await expect.poll(() => messages.length).toBe(1);
    const query = `subscription { messageSent(chatId: "${chat.id}") { id } }`;
    for (const id of ['a', 'b']) socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }));
    await expect.poll(() => messages[1]).toContain('RATE_LIMITED');
    expect(JSON.parse(messages[1] ?? '')).toMatchObject({ id: 'b', type: 'error' });
    socket.terminate();
  });
});

it('0 switches a limit off', async () => {
  await start({
    LIMIT_REQUESTS_PER_ADDRESS: '0',
    LIMIT_REQUESTS_PER_USER: '0',
    LIMIT_SOCKETS_PER_ADDRESS: '0',
    LIMIT_SOCKETS_PER_USER: '0',
    LIMIT_FRAMES_PER_SOCKET: '0',
    LIMIT_FRAMES_PER_USER: '0',
    LIMIT_OPERATION_SECONDS: '0',
    LIMIT_REQUEST_SECONDS: '0',
    LIMIT_HEADERS_SECONDS: '0',
    LIMIT_REQUESTS_AT_ONCE: '0',
    LIMIT_EVENT_LOOP_DELAY_MS: '0',
    LIMIT_OPERATIONS_PER_SOCKET: '0',
  });
  const raw = await service.channel(token, 'general');
  for (let sent = 0; sent < 1500; sent += 1) raw.send({ type: 'ping' });
  expect(await raw.take(1500, 'pong')).toHaveLength(1500);
  expect((await graphql()).status).toBe(200);
  await raw.close();
});
