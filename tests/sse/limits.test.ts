import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { testRedisPrefix } from '../support/redis.js';
import { Service, startTeam } from '../support/service.js';
import { waitUntil } from '../support/wait-until.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let token: string;
let chatId: string;
/** The service of the test, with limits of its own. */
let service: Service;

beforeAll(async () => {
  team = await startTeam();
  chatId = (await team.first.app.services.chats.create('general')).id;
  token = await team.signIn('admin');
});
afterAll(() => team.close());
afterEach(() => service.close());

async function start(limits: Record<string, string>, eventStreams = {}) {
  service = await Service.start(team.database, limits, { busPrefix: testRedisPrefix(), eventStreams });
}

const open = () => service.events(token, 'general');
const send = async (content: string) => {
  const mutation = 'mutation ($id: ID!, $content: String!) { sendMessage(chatId: $id, content: $content) { seq } }';
  const { status, codes } = await service.query(token, mutation, { id: chatId, content });
  expect([status, codes]).toEqual([200, []]);
};

it('streams and sockets of a user count together, and one that is closed makes room', async () => {
  await start({ LIMIT_SOCKETS_PER_USER: '2' });
  const [socket, stream] = [await service.channel(token, 'general'), await open()];
  await expect(open()).rejects.toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  await socket.close();
  await waitUntil('room for one more', 5000, async () => {
    await (await open()).close();
    return true;
  });
  await stream.close();
});

it('streams and sockets of an address count together, and a stream that is refused counts no more', async () => {
  await start({ LIMIT_SOCKETS_PER_ADDRESS: '2' });
  for (let count = 0; count < 5; count += 1)
    await expect(service.events(null, 'general')).rejects.toMatchObject({ status: 401 });
  const [socket, stream] = [await service.channel(token, 'general'), await open()];
  await expect(open()).rejects.toMatchObject({ status: 429 });
  await expect(service.channel(token, 'general')).rejects.toMatchObject({ status: 429 });
  await stream.close();
  await waitUntil('room for one more', 5000, async () => {
    await (await open()).close();
    return true;
  });
  await socket.close();
});

it('a stream is no running request: it takes no place of one, and no deadline ends it', async () => {
  const limits = { LIMIT_REQUESTS_AT_ONCE: '1', LIMIT_OPERATION_SECONDS: '1', LIMIT_REQUEST_SECONDS: '1' };
  await start(limits, { commentSeconds: 0.1, checkIntervalMs: 50 });
  const streams = await Promise.all([open(), open(), open()]);
  await send('while streams are open');
  // Comments of two seconds.
  await waitUntil('twenty comments', 10_000, () => streams.every(({ comments }) => comments >= 20));
  await send('after every deadline');
  for (const stream of streams) {
    expect(await stream.take(2, 'message.created')).toMatchObject([
      { message: { content: 'while streams are open' } },
      { message: { content: 'after every deadline' } },
    ]);
    await stream.close();
  }
  await send('when they are closed');
});

it('a request that another follows in one piece opens no stream, and both are answered', async () => {
  await start({});
  const connection = net.connect(Number(new URL(service.origin).port), '127.0.0.1');
  const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  connection.write(head('/sse/chat/general/') + head('/healthz'));
  let answers = '';
  connection.on('data', (data) => {
    answers += data;
  });
  await waitUntil('both answers', 5000, () => answers.includes('{"status":"ok"}'));
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 200']);
  connection.destroy();
  await once(connection, 'close');
});
