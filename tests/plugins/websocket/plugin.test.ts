import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  closing,
  exchange,
  startWebSocketApp,
  upgradeRequest,
  type WebSocketApp,
} from '../../support/web-socket-app.js';

describe('frames that break the protocol', () => {
  let app: WebSocketApp;
  beforeAll(async () => {
    app = await startWebSocketApp();
  });
  afterAll(() => app.close());

  /** What follows an upgrade, and the close code that answers it. */
  async function codeAfter(bytes: Buffer): Promise<number> {
    const connection = await app.bare();
    await app.nextServerSide();
    connection.write(bytes);
    const [frame]: Buffer[] = await once(connection, 'data');
    connection.destroy();
    return frame?.[0] === 0x88 ? frame.readUInt16BE(2) : 0;
  }

  const masked = (opcode: number, payload: Buffer) =>
    Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);

  it('a text of 64 KiB is taken, one byte more is answered with 1009', async () => {
    const { client } = await app.pair();
    client.send('x'.repeat(65_536));
    const [data] = await once(client, 'message');
    expect(data.length).toBe(65_536);
    const closed = closing(client);
    client.send('x'.repeat(65_537));
    expect((await closed).code).toBe(1009);
  });

  it('a text of 64 KiB and a byte in many fragments is answered with 1009', async () => {
    const { client } = await app.pair();
    const closed = closing(client);
    for (let sent = 0; sent < 65; sent += 1) client.send('x'.repeat(1024), { fin: false });
    expect((await closed).code).toBe(1009);
  });

  it('a text in more than 512 fragments is answered with 1008', async () => {
    const { client } = await app.pair();
    const closed = closing(client);
    for (let sent = 0; sent < 600; sent += 1) client.send('x', { fin: false });
    expect((await closed).code).toBe(1008);
  });

  it('text that is not UTF-8 is answered with 1007', async () => {
    expect(await codeAfter(masked(1, Buffer.from([0xff, 0xfe])))).toBe(1007);
  });

  it.each([
    ['an unmasked frame', Buffer.from([0x81, 0x01, 0x61])],
    ['a reserved opcode', masked(3, Buffer.from('a'))],
    ['a reserved bit', Buffer.from([0xc1, 0x80, 0, 0, 0, 0])],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a continuation of nothing', masked(0, Buffer.from('a'))],
  ])('%s is answered with 1002', async (_, bytes) => {
    expect(await codeAfter(bytes)).toBe(1002);
  });

  it('a connection that is torn in the middle of a frame harms nobody', async () => {
    const connection = await app.bare();
    const server = await app.nextServerSide();
    connection.write(Buffer.from([0x81, 0xfe, 0x10]));
    connection.resetAndDestroy();
    await once(server, 'close');
    const { client } = await app.pair();
    client.terminate();
  });

  it('a handler that throws closes its socket with 1011', async () => {
    const client = await app.connect('/ws/broken');
    expect(await closing(client)).toEqual({ code: 1011, reason: 'internal_error' });
  });
});

describe('an upgrade', () => {
  let app: WebSocketApp;
  beforeAll(async () => {
    app = await startWebSocketApp({ corsAllowedOrigins: ['https://chat.example'] });
  });
  afterAll(() => app.close());

  it.each(['/plain', '/nowhere'])('of %s, which is no WebSocket, is answered 404', async (path) => {
    const answer = await exchange(app.port, upgradeRequest(path));
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/^connection: close/im);
  });

  it.each([
    ['a foreign one', 'https://evil.example', 403],
    ['a listed one', 'https://chat.example', 101],
    ['its own', 'http://chat.test', 101],
    ['none of a sandboxed page', 'null', 403],
  ])('is let in by its origin: %s', async (_, origin, status) => {
    const connection = net.connect(app.port, '127.0.0.1');
    connection.write(upgradeRequest('/ws/echo', { Origin: origin }));
    const [head] = await once(connection, 'data');
    expect(String(head)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    connection.destroy();
  });

  it.each([
    ['without a key', { 'Sec-WebSocket-Key': 'x' }],
    ['of a version that is not ours', { 'Sec-WebSocket-Version': '99' }],
    ['with broken subprotocols', { 'Sec-WebSocket-Protocol': 'a,,b' }],
  ])('%s is answered 400', async (_, headers) => {
    expect(await exchange(app.port, upgradeRequest('/ws/echo', headers))).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('that selects no subprotocol of ours echoes none of what was offered', async () => {
    const connection = net.connect(app.port, '127.0.0.1');
    connection.write(upgradeRequest('/ws/echo', { 'Sec-WebSocket-Protocol': 'bearer.secret, other' }));
    const [head] = await once(connection, 'data');
    expect(String(head)).toMatch(/^HTTP\/1\.1 101 /);
    expect(String(head)).not.toMatch(/secret|Sec-WebSocket-Protocol/i);
    connection.destroy();
  });

  it('whose client leaves before it is answered harms nobody', async () => {
    const { arrived, release } = app.hold(2);
    const left = [net.connect(app.port, '127.0.0.1'), net.connect(app.port, '127.0.0.1')];
    for (const connection of left) connection.write(upgradeRequest('/ws/echo'));
    await arrived;
    left[0]?.resetAndDestroy();
    left[1]?.end();
    release();
    const { client } = await app.pair();
    client.terminate();
  });

  it('to another protocol than WebSocket is answered as if it were not asked for', async () => {
    const connection = net.connect(app.port, '127.0.0.1');
    const answers: string[] = [];
    connection.on('data', (chunk) => answers.push(String(chunk)));
    const h2c = 'Host: chat.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n';
    connection.write(`POST /plain HTTP/1.1\r\n${h2c}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a"`);
    connection.write(':"b"}');
    connection.write('GET /plain HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n');
    await once(connection, 'close');
    expect(answers.join('')).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\{"body":\{"a":"b"\}\}HTTP\/1\.1 200 OK[\s\S]*plain$/);
  });
});

describe('a process that drains', () => {
  let app: WebSocketApp;
  beforeEach(async () => {
    app = await startWebSocketApp();
  });
  afterEach(() => app.close());

  it('closes every socket with 1012', async () => {
    const clients = (await Promise.all(Array.from({ length: 20 }, () => app.pair()))).map(({ client }) => client);
    const closed = Promise.all(clients.map(closing));
    await app.close();
    expect(new Set((await closed).map(({ code, reason }) => `${code} ${reason}`))).toEqual(new Set(['1012 draining']));
  });

  it('waits a bounded time for who does not answer, and refuses new upgrades meanwhile with 503', async () => {
    const silent = await app.bare();
    silent.pause();
    const pending = net.connect(app.port, '127.0.0.1');
    const { arrived } = app.hold(1);
    pending.write(upgradeRequest('/ws/echo'));
    await arrived;
    const startedAt = performance.now();
    const closed = app.close();
    await new Promise((resolve) => setImmediate(resolve));
    const [answer] = await Promise.all([exchange(app.port, upgradeRequest('/ws/echo')), closed]);
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 1/);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    for (const connection of [silent, pending]) connection.destroy();
  });
});
