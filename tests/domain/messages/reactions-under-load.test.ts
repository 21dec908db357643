import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { extrasOf } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;

/** `REACTING_USERS=2000 npx vitest run tests/domain/messages/reactions-under-load` prints what sends notice of that many. */
const USERS = Number(process.env.REACTING_USERS ?? 200);
const SENDERS = 20;
const PHASE_MS = 4000;
const PAUSE_MS = 50;
const EMOJI = ['👍', '🎉', '❤', '😀', ':shipit:'];

let one: OwnServices;
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

async function newMembers(chatId: string, count: number): Promise<UserProfile[]> {
  const { rows } = await one.db.pool.query<{ id: string }>(
    `WITH made AS (INSERT INTO users (id, username) SELECT gen_random_uuid(), 'reactor' || i FROM generate_series(1, $2) i RETURNING id)
     INSERT INTO chat_memberships (chat_id, user_id) SELECT $1, id FROM made RETURNING user_id AS id`,
    [chatId, count],
  );
  const profile = {
    firstName: '',
    lastName: '',
    role: 'user',
    kind: 'human',
    dateJoined: new Date(0).toISOString(),
  } as const;
  return rows.map(({ id }) => ({ id, username: id, ...profile }));
}

/** Each sender sends, waits for the answer, pauses, and sends again. The milliseconds that the answers took. */
async function sendFor(ms: number, chatId: string, senders: readonly UserProfile[]): Promise<number[]> {
  const took: number[] = [];
  const end = performance.now() + ms;
  await Promise.all(
    senders.map(async (sender, index) => {
      await sleep((index * PAUSE_MS) / SENDERS);
      while (performance.now() < end) {
        const began = performance.now();
        await (index % 2 ? one : two).messages.send(viewerOf(sender), { chatId, content: 'hi' });
        took.push(performance.now() - began);
        await sleep(PAUSE_MS);
      }
    }),
  );
  return took.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;

it(`${USERS} users react to one message while ${SENDERS} send: few numbers, and the last event equals the rows`, {
  timeout: 120_000,
}, async () => {
  const ann = await one.newUser();
  const chat = await one.newChat(ann);
  const senders = await newMembers(chat.id, SENDERS + USERS);
  const reactors = senders.splice(SENDERS);
  const message = await one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'react to this' });
  await sendFor(PHASE_MS / 2, chat.id, senders);

  const without = await sendFor(PHASE_MS, chat.id, senders);
  const answers: number[] = [];
  const [during] = await Promise.all([
    sendFor(PHASE_MS, chat.id, senders),
    ...reactors.map(async (reactor, index) => {
      await sleep((index / USERS) * PHASE_MS);
      const emoji = EMOJI[index % EMOJI.length] ?? '';
      const began = performance.now();
      const target = { chatId: chat.id, messageId: message.id, emoji };
      await (index % 2 ? one : two).reactions.add(viewerOf(reactor), target);
      answers.push(performance.now() - began);
    }),
  ]);
  const after = await sendFor(PHASE_MS, chat.id, senders);
  await vi.waitFor(
    async () =>
      expect((await one.db.pool.query('SELECT FROM reaction_dirty WHERE chat_id = $1', [chat.id])).rowCount).toBe(0),
    { timeout: 10_000 },
  );

  const { rows } = await one.db.pool.query<{ seq: number }>(
    `SELECT seq FROM chat_events WHERE chat_id = $1 AND kind = 'message.reactions' ORDER BY seq`,
    [chat.id],
  );
  const ms = (values: readonly number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(1)}, p99 ${quantile(values, 0.99).toFixed(1)} ms of ${values.length}`;
  process.stdout.write(
    `sends without: ${ms(without)}; during: ${ms(during)}; after: ${ms(after)}; ` +
      `reactions: ${ms(answers.sort((a, b) => a - b))}; numbers: ${rows.length}\n`,
  );
  // Four a second, and one for the last.
  expect(rows.length).toBeLessThanOrEqual((4 * PHASE_MS) / 1000 + 4);
  const { rows: counted } = await one.db.pool.query<{ emoji: string; count: number }>(
    'SELECT emoji, count(*)::int AS count FROM reactions WHERE chat_id = $1 AND seq = $2 GROUP BY emoji',
    [chat.id, message.seq],
  );
  const last = rows.at(-1)?.seq ?? 0;
  const head = { chatId: chat.id, epoch: chat.epoch, seq: last };
  const [event] = (await one.chatLog.page(head, last - 1, 1)).events;
  if (event?.type !== 'message.reactions') throw new Error('The last event is another one.');
  const shown = extrasOf(event.message).reactions;
  expect(new Map(shown.map(({ emoji, count }) => [emoji, count]))).toEqual(
    new Map(counted.map(({ emoji, count }) => [emoji, count])),
  );
  expect(shown.reduce((sum, { count }) => sum + count, 0)).toBe(USERS);
});
