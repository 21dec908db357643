import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { RawClient } from '../graphql/protocol/raw-client.js';
import { createTestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { RawSocket } from '../support/raw-socket.js';
import { range } from '../support/recorder.js';
import { testRedisUrl } from '../support/redis.js';
import { Service } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

const DELETED = 'words that are deleted';
/** Messages that are sent at once. */
const BATCH = 20;
/** Together more than sockets and the service take for a subscriber that does not read. */
const MESSAGES = 800;
const CHARACTERS_OF_FOUR_BYTES = 3900;
const DELETED_AT_ONCE = 100;

/** A built process that writes a snapshot of its heap at a signal. */
async function startProcess(databaseUrl: string) {
  const folder = await mkdtemp(join(tmpdir(), 'chat-heap-'));
  const port = await freePort();
  const program = join(import.meta.dirname, '../../dist/server.js');
  const child = spawn(process.execPath, ['--heapsnapshot-signal=SIGIO', `--diagnostic-dir=${folder}`, program], {
    cwd: folder,
    env: { PORT: String(port), DATABASE_URL: databaseUrl, REDIS_URL: testRedisUrl() ?? '', NODE_ENV: 'production' },
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true });
  });
  await waitUntil('The service answers', 60_000, async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  return {
    address: `ws://127.0.0.1:${port}`,
    /** Whether a string of the heap has this text. */
    async holds(text: string): Promise<boolean> {
      child.kill('SIGIO');
      let heap = Buffer.alloc(0);
      await waitUntil('The snapshot is written', 60_000, async () => {
        const [file] = await readdir(folder);
        heap = file ? await readFile(join(folder, file)) : heap;
        return heap.subarray(-4).toString().trim().endsWith('}');
      });
      for (const file of await readdir(folder)) await rm(join(folder, file));
      return heap.includes(text);
    },
  };
}

it.runIf(testRedisUrl() && testDatabaseSource().kind === 'postgres')(
  'text that was deleted by another process is in no string of the heap, though a subscriber does not read',
  async () => {
    const database = await createTestDatabase();
    const service = await Service.start(database);
    onTestFinished(async () => {
      await service.close();
      await database.drop();
    });
    const { users, clients, chats } = service.app.services;
    await users.create({ username: 'admin', password: PASSWORD, role: 'admin' });
    const { client, secret } = await clients.create({ name: 'App', grants: ['password'] });
    const credentials = { client_id: client.id, client_secret: secret ?? '' };
    const token = String(
      (await service.token({ username: 'admin', password: PASSWORD, ...credentials })).body.access_token,
    );
    const { id: chatId, epoch } = await chats.create('room');

    const other = await startProcess(database.url);
    const headers = { authorization: `Bearer ${token}` };
    const listener = await RawSocket.open(`${other.address}/ws/chat/room/`, { headers });
    await listener.next('live');
    const subscriber = await RawClient.signedIn(`${other.address}/graphql/`, token);
    const query =
      'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq ... on MessageCreated { message { content } } } }';
    // With a cursor: the first message may be sent before the subscription is open.
    subscriber.subscribe('1', query, { variables: { id: chatId, after: `${epoch}:0` } });
    const send = (content: string) =>
      service.query(
        token,
        'mutation ($id: ID!, $content: String!) { sendMessage(chatId: $id, content: $content) { seq } }',
        {
          ...{ id: chatId, content },
        },
      );
    await send('The subscription is open.');
    await subscriber.next();
    subscriber.socket.pause();
    for (const batch of range(1, MESSAGES / BATCH))
      await Promise.all(
        range(1, BATCH).map((index) => send(`${DELETED} ${batch} ${index} ${'😀'.repeat(CHARACTERS_OF_FOUR_BYTES)}`)),
      );
    const sent = (await listener.take(MESSAGES + 1, 'message.created')).map(({ message }) => Object(message));

    expect(await other.holds(DELETED)).toBe(true);
    const ids = sent.map(({ id }) => id);
    for (let first = 0; first < ids.length; first += DELETED_AT_ONCE)
      await service.query(
        token,
        'mutation ($id: ID!, $ids: [ID!]!) { deleteMessages(chatId: $id, messageIds: $ids) { id } }',
        { id: chatId, ids: ids.slice(first, first + DELETED_AT_ONCE) },
      );
    await listener.take(ids.length, 'message.deleted');
    expect(await other.holds(DELETED)).toBe(false);
    await listener.close();
    subscriber.socket.terminate();
  },
  180_000,
);
