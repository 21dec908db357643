import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { clientError } from '../../../src/domain/database.js';
import type { EventOf } from '../../../src/domain/log/chat-events.js';
import { extrasOf } from '../../../src/domain/log/chat-message.js';
import { Random } from '../../faults/random.js';
import { chooseSeed } from '../../support/seed.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;

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

const EMOJI = ['👍', '🎉', '❤', '❤\ufe0f', ':shipit:', '😀'];
const USERS = 24;
const MESSAGES = 6;
const CALLS = 900;

it('equal the rows after random reactions, removals and deletions over two processes, though summarisers are killed', {
  timeout: 120_000,
}, async () => {
  const random = new Random(chooseSeed());
  const users = await Promise.all(Array.from({ length: USERS }, () => one.newUser()));
  const chat = await one.newChat(...users);
  const messages = await Promise.all(
    Array.from({ length: MESSAGES }, () =>
      one.messages.send(viewerOf(random.pick(users)), { chatId: chat.id, content: 'm' }),
    ),
  );
  const { pool } = one.db;

  let isOver = false;
  /** Repeats what the killer ended: when the summary that he saw is over, its connection may have something else to do. */
  const untilDone = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Error && /terminat/.test(error.message))) throw error;
      }
    }
  };
  const kill = async () => {
    if (one.database.embedded) return 0;
    let killed = 0;
    while (!isOver) {
      const { rows } = await untilDone(() =>
        pool.query<{ killed: boolean }>(
          `SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity
           WHERE datname = current_database() AND state = 'active' AND query LIKE '%FROM summarise\\_reactions(%' AND pid <> pg_backend_pid()`,
        ),
      );
      killed += rows.length;
      await sleep(random.next() * 20);
    }
    return killed;
  };
  /** Holds the chat for a moment, so that summarisers wait for it and are met by the killer. */
  const hold = async () => {
    while (!isOver) {
      await untilDone(() =>
        pool.query('WITH held AS (SELECT FROM chats WHERE id = $1 FOR NO KEY UPDATE) SELECT pg_sleep(0.03) FROM held', [
          chat.id,
        ]),
      );
      await sleep(random.next() * 100);
    }
  };
  const deleteNow = async (client: PoolClient, seq: number) => {
    await client.query('BEGIN');
    await client.query('SELECT FROM chats WHERE id = $1 FOR NO KEY UPDATE', [chat.id]);
    await client.query('UPDATE messages SET flags = (flags & 6) | 9 WHERE chat_id = $1 AND seq = $2', [chat.id, seq]);
    await client.query(
      `INSERT INTO message_extras AS x (chat_id, seq, deleted_at) VALUES ($1, $2, now())
       ON CONFLICT (chat_id, seq) DO UPDATE SET deleted_at = now(), reactions = NULL`,
      [chat.id, seq],
    );
    await client.query('SELECT drop_reactions($1, $2)', [chat.id, [seq]]);
    await client.query('COMMIT');
  };
  const deleteOne = async (seq: number) => {
    await sleep(500 + random.next() * 1500);
    await untilDone(async () => {
      const client = await pool.connect();
      await deleteNow(client, seq).finally(() => client.release(true));
    });
  };
  const react = async () => {
    const input = { chatId: chat.id, messageId: random.pick(messages).id, emoji: random.pick(EMOJI) };
    const process = random.next() < 0.5 ? one : two;
    const user = viewerOf(random.pick(users));
    await sleep(random.next() * 3000);
    await process.reactions[random.next() < 0.6 ? 'add' : 'remove'](user, input).catch((error: unknown) => {
      // As a client is told of it.
      expect(clientError(error)?.code).toMatch(/^(CONFLICT|SERVICE_UNAVAILABLE)$/);
    });
  };

  const background = Promise.all([kill(), hold()]);
  const deleted = messages.slice(0, 2);
  await Promise.all([...deleted.map(({ seq }) => deleteOne(seq)), ...Array.from({ length: CALLS }, react)]);
  isOver = true;
  const [killed] = await background;
  if (!one.database.embedded) expect(killed).toBeGreaterThan(0);
  await vi.waitFor(
    async () => expect((await pool.query('SELECT FROM reaction_dirty WHERE chat_id = $1', [chat.id])).rowCount).toBe(0),
    { timeout: 20_000, interval: 100 },
  );

  const [head] = await one.chatLog.heads([chat.id]);
  const page = head && (await one.chatLog.page(head, 0, 10_000));
  expect(page?.upTo).toBe(head?.seq);
  const events = (page?.events ?? []).filter(
    (event): event is EventOf<'message.reactions'> => event.type === 'message.reactions',
  );
  for (const message of messages) {
    const { rows } = await pool.query<{ emoji: string; user_id: string }>(
      'SELECT emoji, user_id FROM reactions WHERE chat_id = $1 AND seq = $2 ORDER BY at DESC, user_id DESC',
      [chat.id, message.seq],
    );
    const counted = new Map<string, string[]>();
    for (const { emoji, user_id } of rows) counted.set(emoji, [...(counted.get(emoji) ?? []), user_id]);
    const own = events.filter((event) => event.message.seq === message.seq);
    const last = own.at(-1);
    const shown = last ? extrasOf(last.message).reactions : [];
    if (deleted.includes(message)) expect(rows).toEqual([]);
    expect(new Map(shown.map(({ emoji, users: named }) => [emoji, [...named]]))).toEqual(
      new Map([...counted].map(([emoji, named]) => [emoji, named.slice(0, 20)])),
    );
    for (const { emoji, count } of shown) expect(count).toBe(counted.get(emoji)?.length);
    // At most 4 numbers a second, over both processes.
    for (const [index, event] of own.entries()) {
      const before = own[index - 1];
      if (before) expect(Date.parse(event.at) - Date.parse(before.at)).toBeGreaterThanOrEqual(249);
    }
    // Two devices of one user, at two processes, see the same.
    for (const { id } of users) {
      const places = EMOJI.map((emoji) => ({ chatId: chat.id, seq: message.seq, emoji }));
      const [here, there] = [await one.reactions.mine(id, places), await two.reactions.mine(id, places)];
      expect(here).toEqual(there);
      expect(here).toEqual(places.map(({ emoji }) => counted.get(emoji)?.includes(id) ?? false));
    }
  }
});
