import { once } from 'node:events';
import net from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import errors from '../../../src/plugins/errors.js';
import overload from '../../../src/plugins/limits/overload.js';
import pipelining from '../../../src/plugins/limits/pipelining.js';
import requestRates from '../../../src/plugins/limits/request-rates.js';
import { waitUntil } from '../../support/wait-until.js';

let app: FastifyInstance;
afterEach(() => app.close());

/** What has begun, in its order, and what lets it end. */
const begun: { name: string; end: () => void }[] = [];

async function start(requestsAtOnce: number): Promise<number> {
  app = Fastify({ forceCloseConnections: true });
  await app.register(errors);
  await app.register(pipelining);
  await app.register(requestRates, { requestsPerAddress: Infinity, requestsPerUser: Infinity });
  await app.register(overload, { requestsAtOnce, eventLoopDelayMs: 10_000, bodyBytes: 262_144 });
  app.get<{ Params: { name: string } }>('/held/:name', ({ params: { name } }) => {
    return new Promise<string>((resolve) => begun.push({ name, end: () => resolve(name) }));
  });
  app.get('/quick', async () => 'quick');
  app.post('/body', async () => 'body');
  app.addContentTypeParser('application/x-read-by-handler', (_request, _body, done) => done(null));
  app.post('/read-by-handler', async ({ raw }) => {
    let length = 0;
    for await (const part of raw) length += part.length;
    return String(length);
  });
  begun.length = 0;
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const quick = async (port: number) => (await fetch(`http://127.0.0.1:${port}/quick`)).status;

it('requests of one connection are worked on one at a time, in their order, however many come in one piece', async () => {
  const port = await start(Infinity);
  const client = net.connect(port, '127.0.0.1');
  const names = Array.from({ length: 20 }, (_, index) => `r${index}`);
  client.write(names.map((name) => get(`/held/${name}`)).join(''));
  let answers = '';
  client.on('data', (data) => {
    answers += data;
  });
  for (const [index, name] of names.entries()) {
    await waitUntil(`the beginning of ${name}`, 5000, async () => begun.length === index + 1);
    // Whoever else asks is answered meanwhile.
    expect(await quick(port)).toBe(200);
    expect(begun.at(-1)?.name).toBe(name);
    begun.at(-1)?.end();
  }
  await waitUntil('the last answer', 5000, async () => answers.endsWith('r19'));
  expect(answers.match(/r\d+(?=HTTP|$)/g)).toEqual(names);
  client.destroy();
});

it('requests of a connection that is gone are begun no more, and none of them keeps a place', async () => {
  const port = await start(1);
  const client = net.connect(port, '127.0.0.1');
  client.write(get('/held/a') + get('/held/b') + get('/held/c'));
  await waitUntil('the beginning of a', 5000, async () => begun.length === 1);
  expect(await quick(port)).toBe(503);
  client.destroy();
  await once(client, 'close');
  await waitUntil('the place of a', 5000, async () => (await quick(port)) === 200);
  begun[0]?.end();
  expect(await quick(port)).toBe(200);
  expect(begun.map(({ name }) => name)).toEqual(['a']);
});

it('requests whose bodies do not come keep nobody’s place, and one address has so many', async () => {
  const port = await start(4);
  const clients = await Promise.all(
    Array.from({ length: 257 }, async () => {
      const client = net.connect(port, '127.0.0.1');
      client.write('POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n');
      return client;
    }),
  );
  // So many may wait for their bodies; one more is told so.
  const told = await Promise.race(clients.map(async (client) => String(await once(client, 'data'))));
  expect(told).toMatch(/^HTTP\/1\.1 429 .*"rate_limited"/s);
  expect(await quick(port)).toBe(200);
  for (const client of clients) client.destroy();
  const body = () => fetch(`http://127.0.0.1:${port}/body`, { method: 'POST', body: 'text' });
  await waitUntil('room for another', 5000, async () => (await body()).status === 200);
});

it('and no more when a handler reads the body itself, as of a multipart form', async () => {
  const port = await start(2);
  const head = (length: number) =>
    `POST /read-by-handler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-read-by-handler\r\nContent-Length: ${length}\r\n\r\n`;
  const clients = [1, 2, 3].map(() => net.connect(port, '127.0.0.1'));
  for (const client of clients) client.write(`${head(6)}abc`);
  await Promise.all(clients.map((client) => once(client, 'connect')));
  // Later on the loop than what those sent.
  for (let count = 0; count < 5; count += 1) expect(await quick(port)).toBe(200);
  const answers = clients.map(async (client) => String(await once(client, 'data')));
  for (const client of clients) client.write('def');
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\n6$/s);
  for (const client of clients) client.destroy();
});
