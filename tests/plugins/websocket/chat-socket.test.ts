import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import type { ChatSocket } from '../../../src/plugins/websocket/chat-socket.js';
import { closeCodes } from '../../../src/plugins/websocket/close-codes.js';
import { textFrame } from '../../../src/plugins/websocket/frame.js';
import { plainDescriptor } from '../../../src/plugins/websocket/try-write.js';
import { waitUntil } from '../../support/wait-until.js';
import { closing, startWebSocketApp, type WebSocketApp } from '../../support/web-socket-app.js';

const MEBIBYTE = 1024 * 1024;

let app: WebSocketApp;

// Does what it does, and is counted.
const writeSync = vi.spyOn(fs, 'writeSync');

beforeAll(async () => {
  syncBuiltinESMExports();
  app = await startWebSocketApp({ stallMs: 300, checkIntervalMs: 50, frameRate: { perSecond: 1, burst: 20 } });
});

afterAll(async () => {
  writeSync.mockRestore();
  syncBuiltinESMExports();
  await app.close();
});

async function texts(client: WebSocket, count: number): Promise<string[]> {
  const received: string[] = [];
  return new Promise((resolve) => {
    client.on('message', (data) => {
      received.push(data.toString());
      if (received.length === count) resolve(received);
    });
  });
}

/** Sends until the socket has enough. */
function fill(server: ChatSocket, text = 'x'.repeat(8000)): number {
  const frame = textFrame(text);
  let frames = 0;
  for (; server.hasRoom; frames += 1) server.sendFrame(frame);
  return frames;
}

/** Counts from now on the writes to the socket's connection: to its descriptor, and to its stream. */
function countWrites(server: ChatSocket): () => number {
  const connection = Reflect.get(server, '_socket');
  const toStream = vi.spyOn(connection, 'write');
  const descriptor = plainDescriptor(connection);
  const before = writeSync.mock.calls.length;
  const toDescriptor = () => writeSync.mock.calls.slice(before).filter(([to]) => to === descriptor);
  return () => toDescriptor().length + toStream.mock.calls.length;
}

/** A client that does not read, with more on its way than the kernel's buffers take. */
function stall({ client, server }: { client: WebSocket; server: ChatSocket }): void {
  client.pause();
  server.sendFrame(textFrame('x'.repeat(16 * MEBIBYTE)));
}

describe('frames', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])('of %i bytes arrive as they were', async (length) => {
    const { client, server } = await app.pair();
    const received = texts(client, 2);
    const text = 'x'.repeat(length);
    server.sendFrame(textFrame(text));
    server.send(text);
    expect(await received).toEqual([text, text]);
    client.terminate();
  });

  it('of more than one byte a character are measured in bytes', async () => {
    const { client, server } = await app.pair();
    const received = texts(client, 1);
    server.sendFrame(textFrame('😀'.repeat(40)));
    expect(await received).toEqual(['😀'.repeat(40)]);
    client.terminate();
  });

  it('that are due in one turn leave in one write, in the order they were sent, whichever way', async () => {
    const { client, server } = await app.pair();
    const writes = countWrites(server);
    const received = texts(client, 40);
    const expected = Array.from({ length: 40 }, (_, index) => `${index}`);
    for (const text of expected) {
      if (Number(text) % 2 === 0) server.sendFrame(textFrame(text));
      else server.send(text);
    }
    expect(await received).toEqual(expected);
    expect(writes()).toBe(1);
    client.terminate();
  });

  it('of one turn go to a hundred sockets with a write each', async () => {
    const pairs = await Promise.all(Array.from({ length: 100 }, () => app.pair()));
    const writes = pairs.map(({ server }) => countWrites(server));
    const received = pairs.map(({ client }) => texts(client, 3));
    for (const text of ['a', 'b', 'c']) {
      const frame = textFrame(text);
      for (const { server } of pairs) server.sendFrame(frame);
    }
    expect(new Set((await Promise.all(received)).map(String))).toEqual(new Set(['a,b,c']));
    expect(writes.map((count) => count())).toEqual(pairs.map(() => 1));
    for (const { client } of pairs) client.terminate();
  });

  it('that are queued leave before the close frame, and later ones are dropped', async () => {
    const { client, server } = await app.pair();
    const received = texts(client, 2);
    const closed = closing(client);
    server.sendFrame(textFrame('first'));
    server.send('second');
    server.close(closeCodes.internalError.code, 'bye');
    server.sendFrame(textFrame('too late'));
    const error = await new Promise((resolve) => server.send('too late', resolve));
    expect(error).toBeInstanceOf(Error);
    expect(await received).toEqual(['first', 'second']);
    expect(await closed).toEqual({ code: 1011, reason: 'bye' });
  });

  it('binary ones keep their place too', async () => {
    const { client, server } = await app.pair();
    const received = texts(client, 3);
    server.send('a');
    server.send(Buffer.from('b'));
    server.send('c');
    expect(await received).toEqual(['a', 'b', 'c']);
    client.terminate();
  });
});

describe('the closing frame', () => {
  it('goes before a close of ours and not before the answer to a close of the peer', async () => {
    for (const byUs of [true, false]) {
      const { client, server } = await app.pair();
      const received: string[] = [];
      client.on('message', (data) => received.push(data.toString()));
      server.closingFrame = ({ code, reason }) => textFrame(`${code} ${reason}`);
      const closed = closing(client);
      if (byUs) server.disconnect(closeCodes.tokenRevoked);
      else client.close(4000);
      expect((await closed).code).toBe(byUs ? 4403 : 4000);
      expect(received).toEqual(byUs ? ['4403 token_revoked'] : []);
    }
  });
});

describe('a peer that reads slowly', () => {
  it('makes the socket say when there is room: by its callbacks, and by drain', async () => {
    const pair = await app.pair();
    const { client, server } = pair;
    await new Promise((resolve) => server.send('with room', resolve));
    stall(pair);
    let called = false;
    server.send('without room', () => {
      called = true;
    });
    expect(server.hasRoom).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(called).toBe(false);
    const drained = once(server, 'drain');
    client.resume();
    await drained;
    expect(called).toBe(true);
    expect(server.hasRoom).toBe(true);
    client.terminate();
  });

  it('gets everything, in order, when it reads on in time', async () => {
    const pair = await app.pair();
    pair.client.pause();
    const sent = fill(pair.server, 'y'.repeat(9000));
    const received = texts(pair.client, sent);
    pair.client.resume();
    expect(new Set(await received)).toEqual(new Set(['y'.repeat(9000)]));
    pair.client.terminate();
  });

  it('is not read either while its answers wait', async () => {
    const pair = await app.pair();
    pair.client.pause();
    fill(pair.server);
    expect(pair.server.isPaused).toBe(true);
    const drained = once(pair.server, 'drain');
    pair.client.resume();
    await drained;
    expect(pair.server.isPaused).toBe(false);
    pair.client.terminate();
  });

  it('and stands still is closed with 1013, while the others of the chat notice nothing', async () => {
    const slow = await app.pair();
    const healthy = await app.pair();
    slow.server.closingFrame = healthy.server.closingFrame = ({ reason }) => textFrame(reason);
    const closed = closing(slow.client);
    const serverClosing = once(slow.server, 'close');
    stall(slow);
    const stalledAt = performance.now();
    while (slow.server.isOpen) await new Promise((resolve) => setImmediate(resolve));
    expect(performance.now() - stalledAt).toBeLessThan(1000);
    const received = texts(healthy.client, 1);
    healthy.server.sendFrame(textFrame('hello'));
    expect(await received).toEqual(['hello']);
    // It reads again before the connection is cut, and learns why it was closed.
    slow.client.resume();
    expect(await closed).toEqual({ code: 1013, reason: 'too_slow' });
    await serverClosing;
    expect(healthy.server.isOpen).toBe(true);
    healthy.client.terminate();
  });

  it('and never reads again is cut off, and what waited for room is told', async () => {
    const slow = await app.pair();
    stall(slow);
    const waiting = new Promise((resolve) => slow.server.send('waits', resolve));
    const startedAt = performance.now();
    const [code] = await once(slow.server, 'close');
    expect(code).toBe(1006);
    expect(performance.now() - startedAt).toBeLessThan(300 + 1000 + 3000 + 1000);
    expect(await waiting).toBeInstanceOf(Error);
    slow.client.terminate();
  });

  it('holds no more than about a mebibyte', async () => {
    const pair = await app.pair();
    pair.client.pause();
    const sent = fill(pair.server);
    expect(sent * 8000).toBeLessThanOrEqual(MEBIBYTE + 16_000);
    pair.client.terminate();
  });
});

describe('a peer that sends too many frames', () => {
  it.each(['message', 'ping'] as const)('is closed with 4429: %s', async (kind) => {
    const { client } = await app.pair();
    const closed = closing(client);
    for (let count = 0; count < 40; count += 1) {
      if (kind === 'message') client.send('x');
      else client.ping();
    }
    expect(await closed).toEqual({ code: 4429, reason: 'too_many_frames' });
  });
});

describe('a socket that is nobody’s yet', () => {
  const connectionOf = (socket: object) => Reflect.get(socket, '_socket');
  /** The beginning of a text of 65,535 bytes, whose end never comes. */
  const unfinished = (length: number) =>
    Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), Buffer.alloc(length, 'x')]);

  const noPlace = { take: () => false, release: () => {} };

  it('without a place for more is cut off when an unfinished message is longer than 8 KiB', async () => {
    const { client, server } = await app.pair();
    server.limitUntilAuthenticated(noPlace);
    const closed = closing(client);
    connectionOf(client).write(unfinished(8192));
    expect(await closed).toEqual(closeCodes.tooMuchBeforeAck);
    expect(connectionOf(server)?.destroyed ?? true).toBe(true);
  });

  it('is cut off when an unfinished message comes byte by byte', async () => {
    const { client, server } = await app.pair();
    server.limitUntilAuthenticated(noPlace);
    const [from, to] = [connectionOf(client), connectionOf(server)];
    from.setNoDelay(true);
    const closed = closing(client);
    let pieces = 0;
    for (const byte of unfinished(100)) {
      if (to.destroyed) break;
      const before = to.bytesRead;
      from.write(Buffer.from([byte]));
      await waitUntil('The byte', 1000, async () => to.destroyed || to.bytesRead > before);
      pieces += 1;
    }
    expect(await closed).toEqual(closeCodes.tooMuchBeforeAck);
    expect(pieces).toBeLessThan(40);
  });

  it('takes as much as others do once it is somebody’s', async () => {
    const { client, server } = await app.pair();
    server.limitUntilAuthenticated(noPlace);
    server.countForUser(undefined);
    const text = 'x'.repeat(60_000);
    client.send(text);
    expect(await texts(client, 1)).toEqual([text]);
  });

  it('takes a place for a large message once, and gives it back when it is somebody’s or closed', async () => {
    for (const end of ['countForUser', 'terminate'] as const) {
      const { client, server } = await app.pair();
      const place = { take: vi.fn(() => true), release: vi.fn() };
      server.limitUntilAuthenticated(place);
      for (const text of ['x'.repeat(60_000), 'y'.repeat(60_000)]) {
        client.send(text);
        expect(await texts(client, 1)).toEqual([text]);
      }
      expect(place.take).toHaveBeenCalledTimes(1);
      expect(place.release).not.toHaveBeenCalled();
      if (end === 'countForUser') server.countForUser(undefined);
      const closed = once(server, 'close');
      server.terminate();
      await closed;
      expect(place.release).toHaveBeenCalledTimes(1);
    }
  });

  it('is also cut off while it is being closed', async () => {
    const { client, server } = await app.pair();
    server.limitUntilAuthenticated(noPlace);
    const connection = connectionOf(server);
    connectionOf(client).write(unfinished(10));
    await once(connection, 'data');
    server.disconnect(closeCodes.draining);
    const closed = once(connection, 'close');
    connectionOf(client).write(Buffer.alloc(8192, 'x'));
    await closed;
  });
});
