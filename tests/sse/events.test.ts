import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const send = (chatId: string, content: string) => services.messages.send(viewerOf(ann), { chatId, content });

describe('an event stream', () => {
  it('begins with hello, which says who listens and from where, and is live at once', async () => {
    const chat = await services.newChat(ann);
    const cursor = `${chat.epoch}:1`;
    const stream = await app.openEvents(chat.name, await app.newToken(ann));
    expect(await stream.take(2)).toEqual([
      {
        type: 'hello',
        chat: { id: chat.id, name: chat.name },
        user: { id: ann.id, username: ann.username },
        cursor,
        heartbeatSeconds: 15,
        expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
      { type: 'live', cursor },
    ]);
    expect(stream.retries).toEqual([2000]);
    await stream.close();
  });

  it('has the frames of the raw channel as data, their types as names and their cursors as ids', async () => {
    const chat = await services.newChat(ann);
    const stream = await app.joinEvents(chat.name, ann);
    const socket = await app.join(chat.name, ann);
    await send(chat.id, 'Zeile eins\nZeile zwei\r\n\u2028 😀');
    const [event, frame] = [await stream.next(), await socket.next()];
    expect(event).toEqual(frame);
    expect(stream.events.map(({ event: name, id }) => [name, id])).toEqual([
      ['hello', `${chat.epoch}:1`],
      ['live', `${chat.epoch}:1`],
      ['message.created', `${chat.epoch}:2`],
    ]);
    await Promise.all([stream.close(), socket.close()]);
  });

  it('gives what has no cursor no id, so that a client keeps the one it has', async () => {
    const chat = await services.newChat(ann);
    const token = await app.newToken(ann);
    const stream = await app.openEvents(chat.name, token);
    await stream.next('live');
    await services.tokens.revoke(token, app.clientId);
    await stream.closed;
    expect(stream.events.at(-1)).toMatchObject({ event: 'closing', id: undefined });
    expect(stream.lastEventId).toBe(`${chat.epoch}:1`);
  });

  it('has typing and receipts, without an id', async () => {
    const [chat, other] = [await services.newChat(ann), await services.newUser()];
    const stream = await app.joinEvents(chat.name, ann);
    services.signals.publish(chat.id, { type: 'typing', user: other, thread: null });
    services.signals.publish(chat.id, { type: 'receipts', reads: [{ userId: other.id, seq: 1 }] });
    const user = { id: other.id, username: other.username };
    expect(await stream.take(2)).toEqual([
      { type: 'typing', user },
      { type: 'receipts', reads: [{ user: other.id, seq: 1 }] },
    ]);
    expect(stream.events.slice(-2)).toMatchObject([
      { event: 'typing', id: undefined },
      { event: 'receipts', id: undefined },
    ]);
    await stream.close();
  });

  it('carries the id of a new history from reset on', async () => {
    const chat = await services.newChat(ann);
    const stream = await app.joinEvents(chat.name, ann);
    await services.chats.rotateEpoch(chat.name);
    const { cursor } = await stream.next('reset');
    expect(stream.lastEventId).toBe(cursor);
    await stream.close();
  });

  it('tells proxies to pass it on as it comes, and neither to store nor to compress it', async () => {
    const chat = await services.newChat(ann);
    const headers = { 'accept-encoding': 'gzip, br', authorization: `Bearer ${await app.newToken(ann)}` };
    const stream = await app.openEvents(chat.name, null, { headers });
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    expect(stream.response.headers).not.toHaveProperty('transfer-encoding');
    expect(stream.response.headers).not.toHaveProperty('content-encoding');
    await stream.close();
  });

  it('is answered to HTTP/1.0 too, as proxies speak it', async () => {
    const chat = await services.newChat(ann);
    const token = await app.newToken(ann);
    const connection = net.connect(app.port, '127.0.0.1');
    connection.write(
      `GET /sse/chat/${encodeURIComponent(chat.name)}/ HTTP/1.0\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    let answer = '';
    connection.on('data', (data) => {
      answer += data;
    });
    await waitUntil('the stream is live', 5000, () => answer.includes('event: live'));
    const ended = once(connection, 'end');
    await services.tokens.revoke(token, app.clientId);
    await ended;
    const [head = '', ...body] = answer.split('\r\n\r\n');
    expect(head).toContain('200 OK');
    expect(head.toLowerCase()).not.toContain('transfer-encoding');
    expect(body.join()).toMatch(/^retry: 2000\n\nevent: hello\nid: .*event: closing\ndata: \{[^\n]*\}\n\n$/s);
  });

  it('says something while nothing happens', async () => {
    const talkative = await startRealtimeApp(services, { commentSeconds: 0.05, checkIntervalMs: 20 });
    const chat = await services.newChat(ann);
    const stream = await talkative.joinEvents(chat.name, ann);
    await waitUntil('three comments', 5000, () => stream.comments >= 3);
    expect(stream.frames).toHaveLength(2);
    await stream.close();
    await talkative.close();
  });

  it('is over when its client goes: nothing of it stays', async () => {
    const chat = await services.newChat(ann);
    const stream = await app.joinEvents(chat.name, ann);
    await stream.close();
    await waitUntil('the stream is gone', 5000, () => services.chatStreams.size + services.sessions.size === 0);
    expect(app.connections.size).toBe(0);
  });
});

describe('a client that goes on sending after its request', () => {
  it('is cut off, and what it asks for is not done', async () => {
    const chat = await services.newChat(ann);
    const path = `/sse/chat/${encodeURIComponent(chat.name)}/`;
    const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await app.newToken(ann)}\r\n\r\n`;
    const stream = await app.openEvents(chat.name, await app.newToken(ann));
    await stream.next('live');
    const closed = stream.closed;
    stream.response.socket.write(head);
    expect(await closed).toEqual({ code: 1006, reason: '' });
    await waitUntil('the stream is gone', 5000, () => services.chatStreams.size + services.sessions.size === 0);
  });

  it('is refused when it announces a body', async () => {
    const chat = await services.newChat(ann);
    const headers = { 'content-length': '0', authorization: `Bearer ${await app.newToken(ann)}` };
    const stream = await app.openEvents(chat.name, null, { headers });
    await stream.close();
    const refused = app.openEvents(chat.name, null, { headers: { ...headers, 'content-length': '5' } });
    await expect(refused).rejects.toMatchObject({ status: 400, body: { error: 'bad_request' } });
  });
});
