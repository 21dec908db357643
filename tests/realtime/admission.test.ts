import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tokens } from '../../src/domain/access/tokens/tokens.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { StreamRefused } from '../support/frame-queue.js';
import { RawSocket } from '../support/raw-socket.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let token: string;
let chatName: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
  token = await app.newToken(ann);
  chatName = (await services.newChat(ann)).name;
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function newTicket(): Promise<string> {
  const viewer = await services.tokens.authenticate(token);
  if (!viewer) throw new Error('The token is not valid.');
  return services.tokens.createSocketTicket(viewer);
}

async function refusal(opening: Promise<RawSocket>): Promise<StreamRefused> {
  const outcome = await opening.catch((error: unknown) => error);
  if (outcome instanceof StreamRefused) return outcome;
  throw new Error(`The upgrade was not refused: ${String(outcome)}`);
}

describe('a token is presented', () => {
  it('in the Authorization header', async () => {
    const socket = await app.open(chatName, token);
    expect(await socket.next()).toMatchObject({ type: 'hello', user: { id: ann.id } });
    expect(socket.socket.protocol).toBe('');
    await socket.close();
  });

  it.each([['chat.v1 first'], ['the token first']])('as a subprotocol, %s, and is never echoed', async (order) => {
    const offers = ['chat.v1', `bearer.${token}`];
    const protocols = order === 'chat.v1 first' ? offers : offers.reverse();
    const socket = await app.open(chatName, null, { protocols });
    expect(await socket.next()).toMatchObject({ type: 'hello', user: { id: ann.id } });
    expect(socket.socket.protocol).toBe('chat.v1');
    await socket.close();
  });

  it('as a ticket, once', async () => {
    const ticket = await newTicket();
    const socket = await app.open(chatName, null, { query: { ticket } });
    expect(await socket.next()).toMatchObject({ type: 'hello', user: { id: ann.id } });
    await socket.close();
    expect(await refusal(app.open(chatName, null, { query: { ticket } }))).toMatchObject({ status: 401 });
  });

  it('as a ticket that two use at once: one gets in', async () => {
    const query = { ticket: await newTicket() };
    const outcomes = await Promise.allSettled([
      app.open(chatName, null, { query }),
      app.open(chatName, null, { query }),
    ]);
    const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(opened).toHaveLength(1);
    await opened[0]?.close();
  });

  it('in the query, where that is allowed', async () => {
    const socket = await app.open(chatName, null, { query: { token } });
    await socket.next('hello');
    await socket.close();
    const strict = await startRealtimeApp(services, { allowQueryToken: false });
    expect(await refusal(strict.open(chatName, null, { query: { token } }))).toMatchObject({ status: 401 });
    await strict.close();
  });

  it('and appears in no line of the log', () => {
    expect(app.log.length).toBeGreaterThan(0);
    expect(app.log.filter((line) => /cat_|cst_/.test(line))).toEqual([]);
  });
});

describe('an upgrade is refused before it happens', () => {
  it('with 401 and a bare challenge without a token', async () => {
    const { status, headers, body } = await refusal(app.open(chatName, null));
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer realm="chat"');
    expect(headers.connection).toBe('close');
    expect(body).toMatchObject({ error: 'unauthorized' });
  });

  it.each(['Basic YTpi', 'Digest username="ann"', 'Negotiate', ''])(
    'with 401 and a bare challenge for an Authorization that is no token (%j)',
    async (authorization) => {
      const { status, headers } = await refusal(app.open(chatName, null, { headers: { authorization } }));
      expect({ status, challenge: headers['www-authenticate'] }).toEqual({
        status: 401,
        challenge: 'Bearer realm="chat"',
      });
    },
  );

  it('with 401 invalid_token for a token, a subprotocol or a ticket that nobody was given', async () => {
    const wrong = `cat_${'x'.repeat(43)}`;
    for (const open of [
      () => app.open(chatName, wrong),
      () => app.open(chatName, null, { protocols: ['chat.v1', `bearer.${wrong}`] }),
      () => app.open(chatName, null, { protocols: ['chat.v1', 'bearer.'] }),
      () => app.open(chatName, null, { query: { ticket: `cst_${'x'.repeat(43)}` } }),
      () => app.open(chatName, null, { query: { ticket: token } }),
      () => app.open(chatName, null, { query: { token: '' } }),
    ]) {
      const { status, headers } = await refusal(open());
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
    }
  });

  it('with 401 for a revoked token and for a deactivated user', async () => {
    const user = await services.newUser();
    const { name } = await services.newChat(user);
    const [revoked, live] = [await app.newToken(user), await app.newToken(user)];
    await services.tokens.revoke(revoked, app.clientId);
    expect(await refusal(app.open(name, revoked))).toMatchObject({ status: 401 });
    await services.users.update(user.id, { isActive: false });
    expect(await refusal(app.open(name, live))).toMatchObject({ status: 401 });
  });

  it('with 400 invalid_request for a malformed header and for more than one token', async () => {
    const { href } = new URL(app.url(chatName));
    const protocols = ['chat.v1', `bearer.${token}`];
    for (const open of [
      () => RawSocket.open(href, { headers: { authorization: `Bearer ${token} ${token}` } }),
      () => app.open(chatName, token, { protocols }),
      () => app.open(chatName, token, { query: { token } }),
      () => app.open(chatName, token, { query: { ticket: 'x' } }),
      () => app.open(chatName, null, { protocols, query: { ticket: 'x' } }),
      () => app.open(chatName, null, { protocols: [...protocols, 'bearer.other'] }),
      () => RawSocket.open(`${href}?token=${token}&token=${token}`),
    ]) {
      const { status, headers } = await refusal(open());
      expect(status).toBe(400);
      expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_request"/);
    }
  });

  it('with 400 for subprotocols without ours', async () => {
    for (const protocols of [['graphql-transport-ws'], [`bearer.${token}`]]) {
      expect(await refusal(app.open(chatName, null, { protocols }))).toMatchObject({
        status: 400,
        body: { message: 'The subprotocol of this channel is chat.v1.' },
      });
    }
  });

  it.each(['', '7', 'k3f9', 'k3f9:', 'k3f9:-1', 'k3f9:1.5', 'k3f9:01', 'K3F9:1', 'k3f9:2147483648', 'k3f9:1 '])(
    'with 400 for the cursor "%s"',
    async (after) => {
      const { status, body } = await refusal(app.open(chatName, token, { query: { after } }));
      expect(status).toBe(400);
      expect(body).toMatchObject({ message: expect.stringMatching(/^after must be a cursor/) });
    },
  );

  it('with 400 for two cursors', async () => {
    const opening = RawSocket.open(`${app.url(chatName)}?after=a:1&after=a:1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await refusal(opening)).toMatchObject({ status: 400 });
  });

  it('with 403 insufficient_scope without the scope read', async () => {
    const { status, headers } = await refusal(app.open(chatName, await app.newToken(ann, ['write'])));
    expect(status).toBe(403);
    expect(headers['www-authenticate']).toMatch(/error="insufficient_scope".*scope="read"/);
  });

  it("with 403 for a client's own token", async () => {
    expect(await refusal(app.open(chatName, await app.newToken(null)))).toMatchObject({
      status: 403,
      body: { error: 'forbidden' },
    });
  });

  it('with 403 for a foreign origin, and not for ours, a listed one or none', async () => {
    for (const origin of ['https://evil.example', 'null', 'https://chat.example.evil.example', 'http://127.0.0.1'])
      expect(await refusal(app.open(chatName, token, { origin }))).toMatchObject({ status: 403 });
    for (const origin of ['https://chat.example', `http://127.0.0.1:${app.port}`])
      await (await app.open(chatName, token, { origin })).close();
  });

  it('with 404, the same for no such chat, a chat of others, and a removed member', async () => {
    const foreign = await services.newChat(await services.newUser());
    const left = await services.newChat(ann);
    await services.memberships.remove(null, left.id, ann.id);
    const bodies = [];
    for (const name of ['there is no such chat', foreign.name, left.name, '', 'a/b', 'a\0b']) {
      const { status, body } = await refusal(app.open(name, token));
      expect(status).toBe(404);
      bodies.push(body);
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  it('with 503 when the database is away', async () => {
    const nowhere = createDatabase({ url: 'postgresql://127.0.0.1:1/none', embedded: false });
    const lifetimes = {
      accessTokenSeconds: 60,
      refreshTokenSeconds: 60,
      refreshTokenAbsoluteSeconds: 60,
      refreshGraceSeconds: 0,
    };
    const away = await startRealtimeApp({ ...services, tokens: new Tokens(nowhere, lifetimes, async () => {}) });
    const { status, headers, body } = await refusal(away.open(chatName, token));
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('1');
    expect(body).toMatchObject({ error: 'unavailable' });
    await away.close();
    await nowhere.close();
  });
});

describe("a chat's name in the path", () => {
  it.each([
    ['100 emoji', '😀'.repeat(100)],
    ['any script', 'Ünïcødé чат 聊天 دردشة'],
    ['signs that mean something in a URL', 'a?b#c%d&e=f+g;h:i@j"k\'<>'],
    ['percent signs that look like an encoding', '%41%2F%00'],
    ['dots', '...'],
    ['spaces around it', ' inner and outer '],
  ])('may have %s', async (_, name) => {
    const chat = await services.chats.create(name);
    await services.memberships.add(null, chat.id, ann.id);
    const socket = await app.open(name, token);
    expect(await socket.next()).toMatchObject({ type: 'hello', chat: { id: chat.id, name } });
    await socket.close();
  });

  it('has no case', async () => {
    const chat = await services.chats.create('Straße der ÄRZTE');
    await services.memberships.add(null, chat.id, ann.id);
    const socket = await app.open('STRASSE DER ärzte', token);
    expect(await socket.next()).toMatchObject({ type: 'hello', chat: { name: 'Straße der ÄRZTE' } });
    await socket.close();
  });

  it('needs no trailing slash, and no more encoding than the URL demands', async () => {
    const chat = await services.chats.create('general');
    await services.memberships.add(null, chat.id, ann.id);
    for (const path of ['/ws/chat/general', '/ws/chat/general/', '/ws/chat/%67eneral/', '/ws/chat/GENERAL?x=1']) {
      const socket = await RawSocket.open(app.origin + path, { headers: { authorization: `Bearer ${token}` } });
      expect(await socket.next()).toMatchObject({ type: 'hello', chat: { name: 'general' } });
      await socket.close();
    }
  });

  it.each(['/ws/chat/%', '/ws/chat/%zz/', '/ws/chat/%ff/', '/ws/chat/%c3%28/', '/ws/chat/%ed%a0%80/'])(
    'is refused with 400 when it is encoded wrongly: %s',
    async (path) => {
      const opening = RawSocket.open(app.origin + path, { headers: { authorization: `Bearer ${token}` } });
      expect(await refusal(opening)).toMatchObject({ status: 400 });
    },
  );
});

describe('a plain HTTP request to the channel', () => {
  it('is told to upgrade, and spends no ticket', async () => {
    const ticket = await newTicket();
    const response = await fetch(`http://127.0.0.1:${app.port}/ws/chat/${chatName}/?ticket=${ticket}`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    const socket = await app.open(chatName, null, { query: { ticket } });
    await socket.close();
  });

  it('a malformed request spends no ticket', async () => {
    const ticket = await newTicket();
    expect(await refusal(app.open(chatName, null, { query: { ticket, after: 'nonsense' } }))).toMatchObject({
      status: 400,
    });
    expect(await refusal(app.open(chatName, null, { query: { ticket }, origin: 'null' }))).toMatchObject({
      status: 403,
    });
    await (await app.open(chatName, null, { query: { ticket } })).close();
  });
});

it('viewers of tests are viewers of tokens', async () => {
  expect(Object.keys(viewerOf(ann)).sort()).toEqual(
    Object.keys((await services.tokens.authenticate(token)) ?? {}).sort(),
  );
});

describe("a chat's id in the path", () => {
  const hello = async (path: string, as = token) => {
    const socket = await app.open(path, as);
    const frame = await socket.next();
    await socket.close();
    return frame;
  };
  /** A chat of before such names were refused. */
  const oldChat = async (name: string) => {
    const chat = await services.newChat(ann);
    await services.db.prisma.chat.update({ where: { id: chat.id }, data: { name, nameKey: name.toLowerCase() } });
    return { id: chat.id, name };
  };

  it('opens the chat, in any case, as its name does', async () => {
    const { id, name } = await services.newChat(ann);
    for (const path of [id, id.toUpperCase(), name])
      expect(await hello(path)).toMatchObject({ type: 'hello', chat: { id, name } });
  });

  it('opens a direct chat, which its name does too', async () => {
    const bob = await services.newUser();
    const { chatId: id } = await services.directChats.open(await services.newViewer(ann), bob.id);
    for (const path of [id, `dm-${id}`, `DM-${id}`])
      expect(await hello(path)).toMatchObject({ type: 'hello', chat: { id, name: `dm-${id}` } });
  });

  it('is taken for a name when there is no chat with this id', async () => {
    const chat = await oldChat(crypto.randomUUID());
    expect(await hello(chat.name.toUpperCase())).toMatchObject({ type: 'hello', chat });
  });

  it('wins over the name of another chat, for who may read both', async () => {
    const { id } = await services.newChat(ann);
    const named = await oldChat(id);
    expect(await hello(id)).toMatchObject({ type: 'hello', chat: { id } });
    const bob = await services.newUser();
    await services.memberships.add(null, named.id, bob.id);
    expect(await hello(id, await app.newToken(bob))).toMatchObject({ type: 'hello', chat: named });
  });

  it('answers a stranger as a name does', async () => {
    const { id, name } = await services.newChat(await services.newUser());
    const refusals = [];
    for (const path of [id, name, crypto.randomUUID()]) {
      const { status, body } = await refusal(app.open(path, token));
      refusals.push(JSON.stringify({ status, body }));
    }
    expect(new Set(refusals).size).toBe(1);
    expect(refusals[0]).toContain('"status":404');
  });
});
