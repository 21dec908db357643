import { request } from 'node:http';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { MAX_HOOKS } from '../../src/domain/messages/incoming-hooks.js';
import { type Service, startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let service: Service;
/** An admin's token, and that of an owner of every chat here. */
let admin: string;
let owner: string;
let ownerId: string;
let count = 0;

beforeAll(async () => {
  team = await startTeam(1, { LIMIT_BOT_SENDS: '30' });
  service = team.first;
  const { id } = await service.app.services.users.create({ username: 'olga', password: PASSWORD });
  ownerId = id;
  [admin, owner] = [await team.signIn('admin'), await team.signIn('olga')];
});
afterAll(() => team.close());

const CREATE =
  'mutation ($c: ID!, $b: ID!) { createIncomingHook(chatId: $c, botId: $b) { id url bot { id } chat { id } } }';
const LIST = 'query ($c: ID!) { incomingHooks(chatId: $c) { id url lastUsedAt bot { username } } }';
const DELETE = 'mutation ($id: ID!) { deleteIncomingHook(id: $id) }';

/** A chat that the owner owns, with a bot as its member. */
async function newChat() {
  count += 1;
  const { chats, memberships, bots } = service.app.services;
  const [chat, bot] = [await chats.create(`chat ${count}`), await bots.forService(`bot${count}`, undefined)];
  await memberships.add(null, chat.id, ownerId);
  await memberships.setRole(null, chat.id, ownerId, 'owner');
  await memberships.add(null, chat.id, bot);
  return { chatId: chat.id, bot };
}

interface Hook {
  id: string;
  url: string;
}

async function newHook(place?: { chatId: string; bot: string }) {
  const { chatId, bot } = place ?? (await newChat());
  const { data, codes } = await service.query(owner, CREATE, { c: chatId, b: bot });
  expect(codes).toEqual([]);
  const { createIncomingHook: hook } = data as { createIncomingHook: Hook };
  return { ...hook, chatId, bot };
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

const messagesOf = async (chatId: string) =>
  (await service.app.services.chatLog.messages(chatId, { last: 50 })).map(({ content, sender }) => ({
    content,
    sender: sender.id,
  }));

describe('An incoming hook', () => {
  it('is an address, told once, at which anybody posts as its bot', async () => {
    const { chatId, bot, id, url } = await newHook();
    expect(url).toMatch(new RegExp(`^${service.origin}/hooks/chk_[\\w-]{43}/$`));
    const channel = await service.channel(admin, chatId);
    await channel.next('live');
    const { status, body, headers } = await post(url, { content: 'Build 12 failed.' });
    const event = await channel.next('message.created');
    expect({ status, body }).toEqual({
      status: 200,
      body: { id: event.message && Object(event.message).id, seq: event.seq },
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(event).toMatchObject({ message: { content: 'Build 12 failed.', sender: { id: bot } } });
    await channel.close();

    const { data } = await service.query(owner, LIST, { c: chatId });
    expect(data).toEqual({
      incomingHooks: [{ id, url: null, lastUsedAt: expect.any(String), bot: { username: `bot${count}` } }],
    });
    const rows = await service.app.db.prisma.incomingHook.findMany({ where: { id } });
    expect(JSON.stringify(rows)).not.toContain(url.split('/')[4]);
  });

  it('is told over a socket too, by the address that the socket used', async () => {
    const { chatId, bot } = await newChat();
    const client = createClient({
      url: `${service.wsOrigin.replace('127.0.0.1', 'localhost')}/graphql/`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${owner}` },
    });
    const { value } = await client.iterate({ query: CREATE, variables: { c: chatId, b: bot } }).next();
    const { url } = Object(value?.data).createIncomingHook;
    expect(new URL(url).hostname).toBe('localhost');
    await client.dispose();
    expect((await post(url.replace('localhost', '127.0.0.1'), { content: 'a' })).status).toBe(200);
  });

  it('takes text for content, a thread, and answers without its last slash', async () => {
    const { url, chatId } = await newHook();
    const root = await post(url.replace(/\/$/, ''), { text: 'root', username: 'ignored', attachments: [] });
    expect(root.status).toBe(200);
    expect((await post(url, { content: 'reply', text: 'reply', thread: root.body.id })).status).toBe(200);
    const query = 'query ($c: ID!, $m: ID!) { message(chatId: $c, id: $m) { content thread { replyCount } } }';
    expect((await service.query(owner, query, { c: chatId, m: root.body.id })).data).toEqual({
      message: { content: 'root', thread: { replyCount: 1 } },
    });
  });

  it('sends once for one nonce, in the body or as Idempotency-Key', async () => {
    const { url, chatId, bot } = await newHook();
    const first = await post(url, { content: 'once', nonce: 'k-1' });
    expect(await post(url, { content: 'once' }, { 'Idempotency-Key': 'k-1' })).toMatchObject({ body: first.body });
    expect(await post(url, { content: 'once', nonce: 'k-1' }, { 'Idempotency-Key': '"k-1"' })).toMatchObject({
      status: 200,
      body: first.body,
    });
    expect(await messagesOf(chatId)).toEqual([{ content: 'once', sender: bot }]);
    expect(await post(url, { content: 'other', nonce: 'k-1' })).toMatchObject({
      status: 409,
      body: { code: 'NONCE_REUSED', field: 'nonce' },
    });
    expect(await post(url, { content: 'once', nonce: 'k-1' }, { 'Idempotency-Key': 'k-2' })).toMatchObject({
      status: 400,
      body: { code: 'BAD_USER_INPUT', field: 'nonce' },
    });
  });

  it.each([
    ['no content', {}, 'content'],
    ['an empty content', { content: ' ' }, 'content'],
    ['a content that is no text', { content: 7 }, 'content'],
    ['two contents', { content: 'a', text: 'b' }, 'content'],
    ['a list', [], 'body'],
    ['a text', '"hi"', 'body'],
    ['a nonce that is none', { content: 'a', nonce: 'n'.repeat(201) }, 'nonce'],
    ['a thread that is none', { content: 'a', thread: 'x' }, 'thread'],
    ['a content from the prototype', '{"content":null,"constructor":{"text":"a"}}', 'content'],
  ])('refuses %s: 400, and names the field', async (_name, body, field) => {
    const { url, chatId } = await newHook();
    const answer = await post(url, body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_USER_INPUT', field, message: expect.any(String) } });
    expect(await messagesOf(chatId)).toEqual([]);
  });

  it('takes JSON alone, of a bounded size, by POST', async () => {
    const { url } = await newHook();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a'])
      expect(await post(url, 'content=a', { 'content-type': type })).toMatchObject({
        status: 415,
        body: { code: 'BAD_USER_INPUT' },
      });
    expect(await post(url, '{"content":')).toMatchObject({ status: 400, body: { code: 'BAD_USER_INPUT' } });
    const large = JSON.stringify({ content: 'a', more: 'm'.repeat(300_000) });
    expect(await post(url, large)).toMatchObject({ status: 413, body: { code: 'BAD_USER_INPUT' } });
    const response = await fetch(url);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('is none with another token, whatever the path has', async () => {
    const { url } = await newHook();
    const token = url.split('/')[4] ?? '';
    for (const other of [
      `${token.slice(0, -1)}${token.endsWith('A') ? 'Q' : 'A'}`,
      token.slice(0, -1),
      `${token}/more`,
      `x${token}`,
      'a'.repeat(300),
      'cat_none',
    ])
      expect(await post(`${service.origin}/hooks/${other}/`, { content: 'a' }), other).toMatchObject({
        status: 404,
        body: { code: 'NOT_FOUND', message: expect.any(String) },
      });
  });

  it('is none when its bot is removed or deactivated, and one again when it is back', async () => {
    const { url, chatId, bot } = await newHook();
    const { memberships, users } = service.app.services;
    const statusOf = async () => (await post(url, { content: 'a' })).status;
    await memberships.remove(null, chatId, bot);
    expect(await statusOf()).toBe(404);
    await memberships.add(null, chatId, bot);
    expect(await statusOf()).toBe(200);
    await users.update(bot, { isActive: false });
    expect(await statusOf()).toBe(404);
    await users.update(bot, { isActive: true });
    await memberships.setRole(null, chatId, bot, 'reader');
    expect(await post(url, { content: 'a' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', rule: 'chat.role', needs: 'member' },
    });
    await memberships.setRole(null, chatId, bot, 'member');
    await service.app.db.prisma.chatMembership.updateMany({
      where: { chatId, userId: bot },
      data: { mutedUntil: new Date(Date.now() + 60_000) },
    });
    expect(await post(url, { content: 'a' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', rule: 'member.muted' },
    });
  });

  it('has the rate of its bot: 429 with Retry-After', async () => {
    const { url } = await newHook();
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => post(url, { content: `${index}` })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, body } of refused) {
      expect(body).toMatchObject({ code: 'RATE_LIMITED', rule: 'bot.sends', retryAfterMs: expect.any(Number) });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  it('is deleted by owners and admins, once', async () => {
    const place = await newChat();
    const [one, two] = [await newHook(place), await newHook(place)];
    expect(await service.query(owner, DELETE, { id: one.id })).toMatchObject({ data: { deleteIncomingHook: true } });
    expect(await service.query(admin, DELETE, { id: two.id })).toMatchObject({ codes: [] });
    for (const { id, url } of [one, two]) {
      expect((await post(url, { content: 'a' })).status).toBe(404);
      expect((await service.query(owner, DELETE, { id })).codes).toEqual(['NOT_FOUND']);
    }
    expect((await service.query(owner, LIST, { c: place.chatId })).data).toEqual({ incomingHooks: [] });
  });
});

describe('Who may make one', () => {
  it('owners and admins, and nobody whose role is lower', async () => {
    const place = await newChat();
    const hook = await newHook(place);
    const { memberships } = service.app.services;
    const asked = (token: string) =>
      Promise.all([
        service.query(token, CREATE, { c: place.chatId, b: place.bot }),
        service.query(token, LIST, { c: place.chatId }),
        service.query(token, DELETE, { id: hook.id }),
      ]).then((answers) => answers.map(({ codes }) => codes[0]));
    await service.app.services.users.create({ username: `m${count}`, password: PASSWORD });
    const { id } = await service.app.db.prisma.user.findUniqueOrThrow({ where: { username: `m${count}` } });
    const member = await team.signIn(`m${count}`);
    expect(await asked(member)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
    await memberships.add(null, place.chatId, id);
    for (const role of ['reader', 'member', 'moderator'] as const) {
      await memberships.setRole(null, place.chatId, id, role);
      expect(await asked(member), role).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
    }
    expect((await service.query(admin, CREATE, { c: place.chatId, b: place.bot })).codes).toEqual([]);
  });

  it('of a bot in the chat alone, and of one that is an admin only admins', async () => {
    const place = await newChat();
    const { bots, memberships } = service.app.services;
    const outside = await bots.forService('outside', undefined);
    for (const b of [outside, ownerId, crypto.randomUUID(), 'x'])
      for (const token of [owner, admin])
        expect((await service.query(token, CREATE, { c: place.chatId, b })).codes).toEqual(['BAD_USER_INPUT']);
    const chief = await bots.forService('chief', 'admin');
    await memberships.add(null, place.chatId, chief);
    expect((await service.query(owner, CREATE, { c: place.chatId, b: chief })).codes).toEqual(['FORBIDDEN']);
    expect((await service.query(admin, CREATE, { c: place.chatId, b: chief })).codes).toEqual([]);
  });

  it('not in a direct chat, and not without end', async () => {
    const friend = await service.app.services.users.create({ username: 'friend', password: PASSWORD });
    const open = 'mutation ($u: ID!) { openDirectChat(userId: $u) { id } }';
    const { data } = await service.query(owner, open, { u: friend.id });
    const c = (data as { openDirectChat: { id: string } }).openDirectChat.id;
    const place = await newChat();
    expect((await service.query(owner, CREATE, { c, b: place.bot })).codes).toEqual(['FORBIDDEN']);
    expect((await service.query(owner, LIST, { c })).codes).toEqual(['FORBIDDEN']);
    expect((await service.query(admin, CREATE, { c, b: place.bot })).codes).toEqual(['NOT_FOUND']);
    for (let made = 0; made < MAX_HOOKS; made += 1) await newHook(place);
    expect((await service.query(owner, CREATE, { c: place.chatId, b: place.bot })).codes).toEqual(['CONFLICT']);
  });
});

it('the log has no token of a hook, however the path is written', async () => {
  const { url } = await newHook();
  const token = url.split('/')[4] ?? '';
  const { port } = new URL(service.origin);
  const ask = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
        .on('error', reject)
        .end();
    });
  for (const path of [
    `/hooks/${token}/`,
    `/hooks/${token}`,
    `/hooks/${token}?a=${token}`,
    `/%68ooks/${token}/`,
    `//hooks/${token}/`,
    `/HOOKS/${token}/`,
    `/hooks/%zz${token}/`,
    `/hooks/x${token.slice(4)}`,
    `/hook/${token}`,
  ])
    await ask(path);
  await post(url, { content: token.slice(4) });
  const log = service.log.join('');
  expect(log).toContain('"path":"/hooks/…"');
  expect(log).not.toContain(token.slice(4));
});
