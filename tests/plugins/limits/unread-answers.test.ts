import { once } from 'node:events';
import net from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import errors from '../../../src/plugins/errors.js';
import requestRates from '../../../src/plugins/limits/request-rates.js';
import unreadAnswers, { type UnreadAnswersOptions } from '../../../src/plugins/limits/unread-answers.js';

const MEBIBYTE = 1024 * 1024;
/** More than the system's buffers of a connection take. */
const LONG = 16 * MEBIBYTE;

let app: FastifyInstance;
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
});

/** A service with a long answer and a short one; `reached` resolves when so many requests were handled. */
async function start(options: UnreadAnswersOptions) {
  app = Fastify({ forceCloseConnections: true });
  await app.register(errors);
  await app.register(requestRates, {
    requestsPerAddress: Number.POSITIVE_INFINITY,
    requestsPerUser: Number.POSITIVE_INFINITY,
  });
  await app.register(unreadAnswers, options);
  app.get('/long', async () => 'x'.repeat(LONG));
  app.get('/short', async () => 'short');
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** A client that asks and reads what is before the body, no more. */
async function ask(port: number): Promise<{ socket: net.Socket; head: string }> {
  const socket = net.connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'readable');
  return { socket, head: String(socket.read(12)) };
}

describe('long answers that nobody reads', () => {
  it('are refused with 429 when one reader has too many of them, until some are read or given up', async () => {
    const port = await start({ bytesPerOwner: 2 * LONG });
    const first = await ask(port);
    expect([first.head, (await ask(port)).head]).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
    const refused = await fetch(`http://127.0.0.1:${port}/long`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({ error: 'rate_limited' });
    expect(await (await fetch(`http://127.0.0.1:${port}/short`)).text()).toBe('short');
    // Read to its end: there is room again.
    const whole = new Promise<void>((resolve) => {
      let length = 0;
      first.socket.on('data', (part) => {
        length += part.length;
        if (length >= LONG) resolve();
      });
    });
    first.socket.resume();
    await whole;
    expect((await ask(port)).head).toBe('HTTP/1.1 200');
  });

  it('are refused for everybody when all together have too many of them', async () => {
    const port = await start({ bytes: LONG });
    await ask(port);
    const refused = await fetch(`http://127.0.0.1:${port}/long`);
    expect([refused.status, await refused.json()]).toMatchObject([503, { error: 'unavailable' }]);
  });

  it('are cut when they are read more slowly than at the slowest rate, and a quick reader gets all', async () => {
    const port = await start({ freeMs: 500, slowestReading: 1024 * MEBIBYTE });
    const slow = await ask(port);
    const quick = await fetch(`http://127.0.0.1:${port}/long`);
    expect((await quick.text()).length).toBe(LONG);
    // Reads on, a little at a time, and meets the end before it has all.
    let length = 0;
    for await (const part of slow.socket) {
      length += part.length;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(length).toBeLessThan(LONG);
  });
});
