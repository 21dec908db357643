import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tokens } from '../../src/domain/access/tokens/tokens.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { EventStreamClient } from '../support/event-stream.js';
import { StreamRefused } from '../support/frame-queue.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let token: string;
let chat: Awaited<ReturnType<typeof services.newChat>>;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
  token = await app.newToken(ann);
  chat = await services.newChat(ann);
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

async function refusal(opening: Promise<EventStreamClient>): Promise<StreamRefused> {
  const outcome = await opening.catch((error: unknown) => error);
  if (outcome instanceof StreamRefused) return outcome;
  throw new Error(`The stream was not refused: ${String(outcome)}`);
}

const query = (parameters: Record<string, string>) => ({ query: parameters });
const headers = (given: Record<string, string>) => ({ headers: given });

describe('a token is presented', () => {
  it('in the Authorization header', async () => {
    const stream = await app.openEvents(chat.name, token);
    expect(await stream.next()).toMatchObject({ type: 'hello', user: { id: ann.id } });
    await stream.close();
  });

  it('as a ticket, once; then the answer is 204, which ends an EventSource', async () => {
    const ticket = await newTicket();
    const stream = await app.openEvents(chat.name, null, query({ ticket }));
    expect(await stream.next()).toMatchObject({ type: 'hello', user: { id: ann.id } });
    await stream.close();
    const refused = await refusal(app.openEvents(chat.name, null, query({ ticket })));
    expect(refused).toMatchObject({ status: 204, body: '' });
    expect(refused.headers['cache-control']).toBe('no-store');
  });

  it('as a ticket that nobody was given: 204 as well, and 401 on a WebSocket', async () => {
    const ticket = `cst_${'x'.repeat(43)}`;
    expect(await refusal(app.openEvents(chat.name, null, query({ ticket })))).toMatchObject({ status: 204 });
    await expect(app.open(chat.name, null, query({ ticket }))).rejects.toMatchObject({ status: 401 });
  });

  it.each(['', 'x', 'cst_short', `cat_${'x'.repeat(43)}`])('as a malformed ticket: 400 (%j)', async (ticket) => {
    const refused = await refusal(app.openEvents(chat.name, null, query({ ticket })));
    expect(refused.status).toBe(400);
    expect(refused.headers['www-authenticate']).toMatch(/error="invalid_request"/);
  });

  it('in the query, where that is allowed', async () => {
    const stream = await app.openEvents(chat.name, null, query({ token }));
    await stream.next('hello');
    await stream.close();
    const strict = await startRealtimeApp(services, { allowQueryToken: false });
    expect(await refusal(strict.openEvents(chat.name, null, query({ token })))).toMatchObject({ status: 401 });
    await strict.close();
  });

  it('not as a subprotocol, which a request that is no upgrade does not have', async () => {
    const opening = app.openEvents(chat.name, null, headers({ 'sec-websocket-protocol': `chat.v1, bearer.${token}` }));
    expect(await refusal(opening)).toMatchObject({ status: 401 });
  });

  it('and appears in no line of the log', () => {
    expect(app.log.length).toBeGreaterThan(0);
    expect(app.log.filter((line) => /cat_|cst_/.test(line))).toEqual([]);
  });
});

describe('where a client comes back to', () => {
  it('is what Last-Event-ID says, whatever ?after= says', async () => {
    const [first, last] = [`${chat.epoch}:0`, `${chat.epoch}:1`];
    const resumed = await app.openEvents(chat.name, token, {
      ...query({ after: first }),
      ...headers({ 'last-event-id': last }),
    });
    expect(await resumed.take(2)).toMatchObject([{ cursor: last }, { type: 'live' }]);
    await resumed.close();
    const nonsense = await app.openEvents(chat.name, token, {
      ...query({ after: 'nonsense' }),
      ...headers({ 'last-event-id': first }),
    });
    expect(await nonsense.take(2)).toMatchObject([{ cursor: first }, { type: 'member.added' }]);
    await nonsense.close();
  });

  it('is what ?after= says when Last-Event-ID is empty', async () => {
    const after = `${chat.epoch}:0`;
    const stream = await app.openEvents(chat.name, token, { ...query({ after }), ...headers({ 'last-event-id': '' }) });
    expect(await stream.next()).toMatchObject({ type: 'hello', cursor: after });
    await stream.close();
  });

  it('is refused with 400 when it is no cursor, and spends no ticket', async () => {
    const ticket = await newTicket();
    for (const options of [
      query({ ticket, after: 'nonsense' }),
      { ...query({ ticket }), ...headers({ 'last-event-id': 'k3f9:57, k3f9:58' }) },
    ])
      expect(await refusal(app.openEvents(chat.name, null, options))).toMatchObject({
        status: 400,
        body: { message: expect.stringMatching(/must be a cursor/) },
      });
    await (await app.openEvents(chat.name, null, query({ ticket }))).close();
  });
});

describe('a stream is refused', () => {
  it('with 401 and a challenge without a valid token', async () => {
    const missing = await refusal(app.openEvents(chat.name, null));
    expect(missing).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
    expect(missing.headers['www-authenticate']).toBe('Bearer realm="chat"');
    const unknown = await refusal(app.openEvents(chat.name, `cat_${'x'.repeat(43)}`));
    expect(unknown).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
  });

  it('with 400 for more than one token', async () => {
    const others: Record<string, string>[] = [{ token }, { ticket: await newTicket() }];
    for (const more of others)
      expect(await refusal(app.openEvents(chat.name, token, query(more)))).toMatchObject({ status: 400 });
  });

  it("with 403 without the scope read, for a client's own token and for a foreign origin", async () => {
    expect(await refusal(app.openEvents(chat.name, await app.newToken(ann, ['write'])))).toMatchObject({
      status: 403,
      body: { error: 'insufficient_scope' },
    });
    expect(await refusal(app.openEvents(chat.name, await app.newToken(null)))).toMatchObject({
      status: 403,
      body: { error: 'forbidden' },
    });
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1'])
      expect(await refusal(app.openEvents(chat.name, token, headers({ origin })))).toMatchObject({
        status: 403,
        body: { error: 'forbidden_origin' },
      });
    for (const origin of ['https://chat.example', app.httpOrigin])
      await (await app.openEvents(chat.name, token, headers({ origin }))).close();
  });

  it('with 404, the same for no such chat, a chat of others, and a removed member', async () => {
    const foreign = await services.newChat(await services.newUser());
    const left = await services.newChat(ann);
    await services.memberships.remove(null, left.id, ann.id);
    const bodies = [];
    for (const name of ['there is no such chat', foreign.name, left.name, '', 'a/b', 'a\0b']) {
      const { status, body } = await refusal(app.openEvents(name, token));
      expect(status).toBe(404);
      bodies.push(JSON.stringify(body));
    }
    expect(new Set(bodies).size).toBe(1);
  });

  it.each(['POST', 'HEAD', 'PUT', 'DELETE'])('with 405 for %s, which spends no ticket', async (method) => {
    const ticket = await newTicket();
    const url = app.eventsUrl(chat.name, { ticket });
    const refused = await refusal(EventStreamClient.open(url, { method }));
    expect([refused.status, refused.headers.allow]).toEqual([405, 'GET']);
    await (await EventStreamClient.open(url)).close();
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
    const refused = await refusal(away.openEvents(chat.name, token));
    expect(refused).toMatchObject({ status: 503, body: { error: 'unavailable' } });
    expect(refused.headers['retry-after']).toBe('1');
    await away.close();
    await nowhere.close();
  });
});

describe('a chat in the path', () => {
  it.each([
    ['100 emoji', '😀'.repeat(100)],
    ['signs that mean something in a URL', 'a?b#c%d&e=f+g;h:i@j"k\'<>'],
  ])('may have %s', async (_, name) => {
    const { id } = await services.chats.create(name);
    await services.memberships.add(null, id, ann.id);
    const stream = await app.openEvents(name, token);
    expect(await stream.next()).toMatchObject({ type: 'hello', chat: { id, name } });
    await stream.close();
  });

  it('may be its id, whatever the chat is named then', async () => {
    const { id } = await services.newChat(ann);
    const stream = await app.openEvents(id, token);
    expect(await stream.next()).toMatchObject({ type: 'hello', chat: { id } });
    await stream.close();
  });

  it('needs no trailing slash', async () => {
    const { id } = await services.chats.create('general');
    await services.memberships.add(null, id, ann.id);
    const stream = await EventStreamClient.open(
      `${app.httpOrigin}/sse/chat/general`,
      headers({ authorization: `Bearer ${token}` }),
    );
    expect(await stream.next()).toMatchObject({ type: 'hello', chat: { id } });
    await stream.close();
  });
});
